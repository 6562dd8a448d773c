"""Programs that measure models and servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..environments import Environment, NodeEnvironment
from ..models import zoo
from .trial import ECHO, PROGRAMS, SMOLLM2, App, Trial, openai

# -- lm-eval

_QUESTIONS = (
    {"question": "The sky on a clear day is", "choices": ["blue", "made of cheese and old boots"], "answer": 0},
    {"question": "Two and two are", "choices": ["four", "a purple elephant in the rain"], "answer": 0},
)
# Tasks as their authors write them, with questions in a file instead of on a hub.
_TASK = """
task: parley_{kind}
dataset_path: json
dataset_kwargs:
  data_files: {{test: {file}}}
test_split: test
"""
_TASKS = {
    "choice": """
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: choices
doc_to_target: answer
metric_list: [{metric: acc}]
""",
    "words": """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{question}}"
metric_list: [{metric: word_perplexity}]
""",
    "words_said": """
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{question}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8}
metric_list: [{metric: exact_match}]
""",
}


def _lm_eval(trial: Trial) -> None:
    folder = trial.folder / "tasks"
    folder.mkdir()
    file = folder / "questions.jsonl"
    file.write_text("".join(json.dumps(question) + "\n" for question in _QUESTIONS))
    for kind, task in _TASKS.items():
        Path(folder, f"{kind}.yaml").write_text(_TASK.format(kind=kind, file=file) + task)
    tokenizer = trial.folder / "tokenizer"
    trial.run("python", str(PROGRAMS / "tokenizer.py"), str(zoo.smollm2()), str(tokenizer))
    with trial.parley(real=True) as server:
        arguments = {
            "model": SMOLLM2,
            "base_url": f"{server.base}/completions",
            "tokenizer_backend": "huggingface",
            "tokenizer": str(tokenizer),
            "max_length": "2048",
        }
        told = ",".join(f"{name}={value}" for name, value in arguments.items())
        tasks = ",".join(f"parley_{kind}" for kind in _TASKS)
        options = ("--tasks", tasks, "--include_path", str(folder), "--output_path", "found", "--log_samples")
        trial.run(
            *("lm_eval", "--model", "local-completions", "--model_args", told, *options),
            seconds=300,
            env={"OPENAI_API_KEY": server.key, "HF_DATASETS_OFFLINE": "1"},
        )
    results = json.loads(next(trial.folder.glob("found/*/results*.json")).read_text())["results"]
    trial.check("multiple choice, by the log probabilities of the prompt", results["parley_choice"]["acc,none"], 1.0)
    perplexity = results["parley_words"]["word_perplexity,none"]
    trial.holds("perplexity", 1 < perplexity < 1e5, perplexity)
    samples = [
        json.loads(line)["resps"][0][0]
        for line in next(trial.folder.glob("found/*/samples_parley_words_said*.jsonl")).read_text().splitlines()
    ]
    trial.holds("texts generated", len(samples) == len(_QUESTIONS) and all(samples), samples)


# -- guidellm

_ASKED = 8
# Tokens of each answer, as many as it asks for, come what may; responses take no fewer.
_COUNT = 16
_FORMATS = {"chat/completions": "chats", "completions": "completions", "responses": "responses"}


def _guidellm(trial: Trial) -> None:
    data = trial.folder / "prompts.jsonl"
    prompts = [{"prompt": f"Tell me about the number {number}.", "output_tokens_count": _COUNT} for number in range(20)]
    data.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    with trial.parley({"PARLEY_EXTRA_PARAMETERS": "ignore_eos"}, real=True) as server:
        for form, name in _FORMATS.items():
            found = trial.folder / f"{name}.json"
            given = {
                "--backend": f"kind=openai_http,target={server.url},model={SMOLLM2},api_key={server.key},"
                f"request_format=/v1/{form}",
                "--profile": "kind=concurrent,streams=2",
                "--constraint": f"kind=max_requests,count={_ASKED}",
                "--data": f"kind=json_file,path={data}",
                "--output": f"kind=json,path={found}",
            }
            options = [text for option in given.items() for text in option]
            trial.run("guidellm", "run", "--disable-console", *options, seconds=240)
            metrics = json.loads(found.read_text())["benchmarks"][0]["metrics"]
            done = {name: metrics["request_totals"][name] for name in ("successful", "errored")}
            lengths = metrics["output_token_count"]["successful"]
            seen = (done, lengths["min"], lengths["max"])
            expected = ({"successful": _ASKED, "errored": 0}, _COUNT, _COUNT)
            trial.check(f"a load of {name}, streamed, each of the length asked for", seen, expected)


# -- promptfoo

_WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def _promptfoo(trial: Trial) -> None:
    typed = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": _WEATHER}}
    said = ["chat", "responses", "completion"]
    same = {"type": "similar", "value": "Say hello", "threshold": 0.99, "provider": f"openai:embedding:{ECHO}"}
    config = {
        "prompts": ["Say {{word}}"],
        "providers": [
            *({"id": f"openai:{kind}:{ECHO}", "label": kind} for kind in said),
            {"id": f"openai:chat:{ECHO}", "label": "typed", "config": {"response_format": typed}},
        ],
        "tests": [
            {"vars": {"word": "hello"}, "providers": said, "assert": [{"type": "equals", "value": "Say hello"}, same]},
            {"vars": {"word": "hello"}, "providers": ["typed"], "assert": [{"type": "is-json", "value": _WEATHER}]},
        ],
    }
    Path(trial.folder, "promptfooconfig.json").write_text(json.dumps(config))
    quiet = ("TELEMETRY", "UPDATE", "SHARING", "REMOTE_GENERATION")
    with trial.parley() as server:
        env = {**openai(server), **{f"PROMPTFOO_DISABLE_{each}": "1" for each in quiet}}
        options = ("--no-cache", "--no-progress-bar", "-c", "promptfooconfig.json", "-o", "found.json")
        trial.run("promptfoo", "eval", *options, env=env)
    results = json.loads(Path(trial.folder, "found.json").read_text())["results"]["results"]
    passed = sorted(result["provider"]["label"] for result in results if result["success"])
    names = {"chat": "chat", "responses": "responses", "completion": "completions", "typed": "a schema"}
    for label, name in names.items():
        trial.holds(f"{name}, and the likeness of vectors" if label == "chat" else name, label in passed, passed)


# -- inspect


def _inspect(trial: Trial) -> None:
    Path(trial.folder, "tasks.py").write_text(Path(PROGRAMS, "inspect_tasks.py").read_text())
    # It tries whether a model gives a summary of its thoughts.
    with trial.parley({"PARLEY_ECHO_CALLS_TOOLS": "1"}, refused=["POST /v1/responses 400"]) as server:
        options = ("--display", "plain", "--log-format", "json", "--log-dir", "logs")
        trial.run("inspect", "eval", "tasks.py", "--model", f"openai/{ECHO}", *options, seconds=240, env=openai(server))
    logs: list[dict[str, Any]] = [json.loads(path.read_text()) for path in trial.folder.glob("logs/*.json")]
    scores = {
        log["eval"]["task"]: log["results"]["scores"][0]["metrics"]["accuracy"]["value"]
        for log in logs
        if log["status"] == "success"
    }
    trial.check("answers scored", scores.get("says"), 0.5)
    trial.check("tools", scores.get("calls"), 1.0)


EVALUATING = (
    App(
        "guidellm",
        Environment("apps/guidellm", ("guidellm==0.8.1",)),
        "`--backend kind=openai_http,target=...,model=...,api_key=...`, the target without `/v1`; at Parley, where "
        "answers are to have a length, `PARLEY_EXTRA_PARAMETERS=ignore_eos`",
        _guidellm,
    ),
    App(
        "inspect-ai",
        Environment("apps/inspect-ai", ("inspect-ai==0.3.285", "openai==3.57.0")),
        "`OPENAI_BASE_URL`, `OPENAI_API_KEY`; `--model openai/NAME`. It asks once for a summary of thoughts, to see "
        "whether the model gives one, and goes on without when that is refused",
        _inspect,
    ),
    App(
        "lm-eval",
        Environment("apps/lm-eval", ("lm-eval[api]==0.4.13", "transformers==5.19.0", "gguf==0.19.0")),
        "`OPENAI_API_KEY`; `--model local-completions` with `base_url` (ending in `/v1/completions`) and the model's "
        "`tokenizer`",
        _lm_eval,
    ),
    App(
        "promptfoo",
        NodeEnvironment("apps/promptfoo", ("promptfoo@0.123.1", "node@22.23.3")),
        "`OPENAI_BASE_URL`, `OPENAI_API_KEY`; providers such as `openai:chat:NAME`",
        _promptfoo,
    ),
)
