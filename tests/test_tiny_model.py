"""What the bundled model answers, and that its card and its evaluation are about this very file."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import jinja2
import pytest

from app.settings import Settings, variable
from tools.tiny_model import beyond, made_tools
from tools.tiny_model.corpus import dialogues, plain
from tools.tiny_model.dialogue import SPECIAL, TEMPLATE, Dialogue, assistant, pieces, text_of, user
from tools.tiny_model.evaluate import fault_of, loops, prompts
from tools.tiny_model.files import BUNDLED, HELD_OUT
from tools.tiny_model.server import TOPICS

from .live import Server
from .published import page

CARD = (BUNDLED.parent / "CARD.md").read_text(encoding="utf-8")
ENDPOINTS = page("endpoints")
CONTRACT = (Path(__file__).parents[1] / "openapi" / "openapi.yaml").read_text(encoding="utf-8")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def said(*texts: str, system: str = "") -> list[dict[str, str]]:
    """Messages of a user and an assistant in turn."""
    roles = itertools.cycle(("user", "assistant"))
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return [{"role": "system", "content": system}, *messages] if system else messages


def ask(server: Server, messages: list[dict[str, str]], **fields: Any) -> dict[str, Any]:
    body = {"model": "parley-tiny", "temperature": 0, "max_tokens": 200, "messages": messages, **fields}
    answer = server.request("POST", "/v1/chat/completions", body=body, headers=server.bearer)
    assert answer.status == 200, answer.body
    choice: dict[str, Any] = answer.json()["choices"][0]
    assert choice["finish_reason"] in ("stop", "tool_calls")
    message: dict[str, Any] = choice["message"]
    return message


@pytest.mark.live
@pytest.mark.parametrize(
    ("messages", "pattern"),
    [
        (said("Hello!"), "^Hello! How can I help you today\\?$"),
        (said("How are you?"), "fine"),
        (said("thank you so much"), "welcome"),
        (said("Tell me a joke."), "Because it had too many problems"),
        (said("What are you?"), "tiny language model built into this server"),
        (said("Are you ChatGPT?"), "tiny language model"),
        (said("How do I stream?"), '"stream": true'),
        (said("how can i get the answer piece by piece"), '"stream": true'),
        (said("Where do I put the API key?"), "Authorization: Bearer"),
        (said("How do I use tools?"), '"tools"'),
        (said("Can you answer in JSON?"), "response_format"),
        (said("How do I load a GGUF file?"), "PARLEY_MODEL"),
        (said("How do I swap the document?"), "PARLEY_SPEC"),
        (said("Where are the docs?"), "/v1/ui/"),
        (said("How do I change the port?"), "PARLEY_PORT"),
        (said("Why do I get 401?"), "key is missing or wrong"),
        (said("Say this is a test"), "^this is a test$"),
        (said("Repeat after me: green river"), "^green river$"),
        (said("My name is Emma."), "Emma"),
        (said("My name is Oscar.", "Nice to meet you, Oscar! How can I help you?", "What is my name?"), "Oscar"),
        (said("What is my name?"), "not told"),
        (said("Who are you?", system="You are Clara, a helpful assistant."), "Clara"),
        (said("Hello!", system="Answer in Spanish."), "Hola"),
        (said("Bonjour !"), "Bonjour"),
        (said("What is 47 * 12?"), "too small for arithmetic"),
        (said("What is the capital of France?"), "Paris"),
        (said("Translate this sentence into Latin."), "too small"),
        (said("Write a Python function that sorts a list."), "too small"),
        (said("Who won the world cup in 2018?"), "too small"),
    ],
)
def test_the_bundled_model_answers(llama_server: Server, messages: list[dict[str, str]], pattern: str) -> None:
    assert re.search(pattern, ask(llama_server, messages)["content"])


@pytest.mark.live
def test_it_calls_a_tool_and_says_what_the_tool_returned(llama_server: Server) -> None:
    messages: list[Any] = said("What is the weather in Rome?")
    message = ask(llama_server, messages, tools=[WEATHER])
    (call,) = message["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Rome"}
    result = {"role": "tool", "tool_call_id": call["id"], "content": '{"temp": 21}'}
    assert "21" in ask(llama_server, [*messages, message, result], tools=[WEATHER])["content"]
    assert not ask(llama_server, said("Hello!"), tools=[WEATHER]).get("tool_calls")


@pytest.mark.live
def test_it_fills_a_schema_from_the_prompt(llama_server: Server) -> None:
    properties = {"name": {"type": "string"}, "age": {"type": "integer"}}
    schema = {"type": "object", "properties": properties, "required": ["name", "age"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    answer = ask(llama_server, said("Anna is 30 years old."), response_format=form)["content"]
    assert json.loads(answer) == {"name": "Anna", "age": 30}


def test_the_card_is_about_the_file_that_ships() -> None:
    data = BUNDLED.read_bytes()
    assert hashlib.sha256(data).hexdigest() in CARD
    assert f"{len(data):,} bytes" in CARD
    assert f"({len(data) / 1e6:.1f} MB)" in page("getting-started")
    assert len(data) <= 4_000_000
    assert TEMPLATE.encode() in data


@pytest.mark.long
def test_the_evaluation_has_two_hundred_prompts_of_which_the_corpus_has_none() -> None:
    held_out = prompts(HELD_OUT)
    assert len({prompt["id"] for prompt in held_out}) == len(held_out) >= 200
    users = ([each for each in prompt["messages"] if each["role"] == "user"] for prompt in held_out)
    last = {plain(str(messages[-1]["content"])) for messages in users}
    said_in_corpus = {
        plain(str(message["content"]))
        for dialogue in dialogues(8000, 1, first=2000)
        for message in dialogue.messages
        if message["role"] == "user"
    }
    assert not last & said_in_corpus
    for kind in {prompt["kind"] for prompt in held_out}:
        assert re.search(rf"^\| {kind} \| \d+ of \d+ ", CARD, re.MULTILINE), kind


def test_a_seed_makes_the_same_corpus_every_time() -> None:
    first, again, other = ([text_of(each) for each in dialogues(600, seed, first=300)] for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_the_models_chat_template_makes_the_texts_that_it_has_learned() -> None:
    environment = jinja2.Environment()
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    template = environment.from_string(TEMPLATE)
    seen = set()
    for dialogue in dialogues(1500, 3, first=0):
        text = template.render(messages=dialogue.messages, tools=dialogue.tools, add_generation_prompt=False)
        assert text == text_of(dialogue)
        seen |= {mark for mark in SPECIAL if mark in text}
    assert seen >= {"<tools>", "<tool_call>", "<tool_response>", "<|im_start|>"}


def test_tools_that_are_put_together_have_names_of_their_own_and_their_questions_have_the_values() -> None:
    rng = Random(5)
    several = undone = 0
    for _ in range(400):
        choices = made_tools.made_up(rng)
        names = [choice.tool["function"]["name"] for choice in choices]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in names)
        several += len(names) > 1
        undone += any(f"un{one}".casefold() == other.casefold() for one in names for other in names)
        for choice in choices:
            said, arguments = choice.ask(rng)
            assert set(arguments) == set(choice.tool["function"]["parameters"]["properties"])
            free = [choice.called[key] for key, param in choice.family.params.items() if param.value]
            assert all(str(arguments[name]) in said for name in free), (said, arguments)
    assert several > 200
    assert undone


def test_what_a_grammar_writes_is_not_learned() -> None:
    dialogue = Dialogue(
        [user("Ada is 30."), assistant('{"name": "Ada", "age": 30}')], given=frozenset(('{"name": ', ', "age": '))
    )
    assert [text for text, learned in pieces(dialogue) if learned] == ['"Ada"', "30}", "<|im_end|>"]


def test_a_question_about_the_server_has_one_answer() -> None:
    answers: dict[str, set[str]] = {}
    for topic in TOPICS:
        for question in topic["asked"]:
            answers.setdefault(plain(question), set()).add(topic["answer"])
    assert len(TOPICS) > 40
    assert not {question for question, found in answers.items() if len(found) > 1}


def test_answers_name_only_settings_and_paths_that_there_are() -> None:
    told = " ".join(topic["answer"] for topic in TOPICS)
    settings = {variable(name) for name in Settings.__struct_fields__}
    named = set(re.findall(r"PARLEY_[A-Z_]+", told))
    assert len(named) > 10
    assert named <= settings
    for path in re.findall(r"(?<=GET )/[a-z/0-9]+|/v1/ui/|/v1/openapi\.\w+", told):
        assert path.removeprefix("/v1") in ENDPOINTS + CONTRACT, path


@pytest.mark.parametrize(
    ("expect", "text", "fault"),
    [
        ({"number": 7}, "3 + 4 = 7", ""),
        ({"number": 3}, "3 + 4 = 7", "wrong number"),
        ({"number": 60}, beyond.SUMS, ""),
        ({"number": 60}, beyond.FALLBACK, "wrong number"),
        ({"fallback": True}, beyond.FALLBACK, ""),
        ({"fallback": True}, "A bigger model can read images.", "no honest fallback"),
        ({"has": ["ada", "30"]}, "Ada is 30.", ""),
        ({"has": ["ada", "30"]}, "Ada is 31.", "lacks 30"),
        ({"json": {"name": "Ada|Ada L."}}, '{"name": "ada l."}', ""),
        ({"json": {"age": 30}}, '{"age": "30"}', "wrong age"),
        ({"json": {"age": 30}}, '{"age": 3', "no JSON object"),
        ({"no_call": True}, "Hello!", ""),
    ],
)
def test_the_evaluation_knows_right_from_wrong(expect: dict[str, Any], text: str, fault: str) -> None:
    assert fault_of(expect, text, []) == fault


def test_the_evaluation_holds_calls_to_their_name_and_arguments() -> None:
    expect = {"call": {"name": "add", "arguments": {"a": 1}}}
    assert fault_of(expect, "", [("add", '{"a": 1}')]) == ""
    assert fault_of(expect, "", [("add", '{"a": 1, "b": 2}')]) == "wrong arguments"
    assert fault_of(expect, "", [("sub", '{"a": 1}')]) == "wrong or no call"
    assert fault_of(expect, "", [("add", '{"a": 1}')] * 2) == "wrong or no call"
    assert fault_of({"no_call": True}, "Hello!", [("add", "{}")]) == "a call that was not asked for"


def test_the_evaluation_sees_loops() -> None:
    assert loops("the sea is blue " * 3)
    assert not loops("the sea is blue and the sky is blue")
