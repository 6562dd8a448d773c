"""Libraries that programs are built on, each with such a program."""

from __future__ import annotations

from ..environments import Environment
from .trial import ECHO, SMOLLM2, App, Trial, openai

_HELLO = {"agents_sdk.py": "Hello there, agent!", "graph.py": "Hello there, graph!"}
_PIECES = ["Say", " it", " in", " pieces,", " please."]
# What the echo engine calls a tool with, and writes for a schema: the smallest values that fit.
_TOLD = "It is sunny in string."
_READ = {"city": "string", "degrees": 0}
_CALLS = {"PARLEY_ECHO_CALLS_TOOLS": "1"}


def _agents(trial: Trial) -> None:
    for way, operation in ((), "responses"), (("chat",), "chat completions"):
        with trial.parley(_CALLS) as server:
            env = {**openai(server), "OPENAI_AGENTS_DISABLE_TRACING": "1"}
            found = trial.script("agents_sdk.py", ECHO, *way, env=env)
        seen = (found["answer"], found["pieces"], found["again"])
        trial.check(
            f"answers, streams and turns by {operation}", seen, (_HELLO["agents_sdk.py"], _PIECES, "And once more.")
        )
        calls = ["tool_call_item", "tool_call_output_item", "message_output_item"]
        trial.check(f"a tool by {operation}", (found["called"], found["told"]), (calls, _TOLD))
        trial.check(f"a typed answer by {operation}", found["read"], _READ)


def _langgraph(trial: Trial) -> None:
    with trial.parley(_CALLS) as server:
        found = trial.script("graph.py", ECHO, env={**openai(server), "LANGSMITH_TRACING": "false"})
    trial.check("answers", found["answer"], _HELLO["graph.py"])
    trial.check("streams", found["pieces"], _PIECES)
    trial.check("turns with a checkpointer", found["turns"], ["human", "ai"] * 2)
    trial.check("a tool", (found["called"], found["told"]), (["human", "ai", "tool", "ai"], _TOLD))
    trial.check("a typed answer", found["read"], _READ)


def _mem0(trial: Trial) -> None:
    with trial.parley() as server:
        found = trial.script(
            "memory.py", ECHO, ECHO, str(trial.folder), env={**openai(server), "MEM0_TELEMETRY": "False"}
        )
    trial.check("memories added and found by their vectors", found["found"], ["Bert plays the tuba"])
    trial.check("memories listed", found["all"], ["Anna likes pears", "Bert plays the tuba"])
    # The echo engine answers with the smallest JSON object, which has no facts in it.
    asked = "POST /v1/chat/completions" in trial.asked
    trial.holds("a model asked what to remember, in JSON", asked and found["inferred"] == [], found)


def _guidance(trial: Trial) -> None:
    with trial.parley(real=True) as server:
        found = trial.script("guide.py", SMOLLM2, env=openai(server))
    trial.holds("text with log probabilities, streamed", bool(found["free"].strip()), found)
    bound = found["bound"]
    fits = set(bound) == {"city", "degrees"} and len(bound["city"]) <= 20 and -90 <= bound["degrees"] <= 60
    trial.holds("JSON bound by a schema", fits, bound)
    trial.holds("a tool that has to be called", bool(found["asked for"]), found)


LIBRARIES = (
    App(
        "openai-agents",
        Environment("apps/openai-agents", ("openai-agents==0.24.0",)),
        "`OPENAI_BASE_URL`, `OPENAI_API_KEY`, `OPENAI_AGENTS_DISABLE_TRACING=1`",
        _agents,
    ),
    App(
        "LangGraph",
        Environment("apps/langgraph", ("langgraph==1.2.22", "langchain==1.5.2", "langchain-openai==1.7.4")),
        '`OPENAI_BASE_URL`, `OPENAI_API_KEY`; `init_chat_model(..., model_provider="openai")`',
        _langgraph,
    ),
    App(
        "mem0",
        Environment("apps/mem0", ("mem0ai==2.2.1",)),
        "`OPENAI_BASE_URL`, `OPENAI_API_KEY`; the providers `openai` with the names of a chat model and of one for "
        "embeddings, and the number of its dimensions for the vector store",
        _mem0,
    ),
    App(
        "guidance",
        Environment("apps/guidance", ("guidance==0.3.1", "openai==3.57.0")),
        "`OPENAI_BASE_URL`, `OPENAI_API_KEY`; `guidance.models.OpenAI`. It asks for log probabilities",
        _guidance,
    ),
)
