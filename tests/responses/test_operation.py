"""`POST /v1/responses` over HTTP, in this process: answers, streams, what is refused, and under which name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.engines.base import Delta, Engine, Model, TokenLogprob
from app.engines.echo import EchoEngine
from app.errors import EngineUnavailable
from app.settings import Settings
from app.wiring import wire

from ..chat.scripted_engine import ScriptedEngine, ScriptedPlan, Step
from ..web.inprocess import BEARER, KEY, Client, error
from .asking import FUNCTION, Json

WHOLE = Model("m", 1, "parley", "fp_m", frozenset({"length", "tools", "logprobs", "reasoning", "prompt_cache_key"}))


@contextmanager
def serving(engine: Engine, **settings: Any) -> Iterator[Client]:
    loop = asyncio.new_event_loop()
    try:
        yield Client(wire(Settings(api_keys=(KEY,), **settings), engine), loop)
    finally:
        loop.close()


@pytest.fixture(scope="module")
def echo() -> Iterator[Client]:
    with serving(EchoEngine()) as client:
        yield client


@pytest.fixture(scope="module")
def lenient() -> Iterator[Client]:
    with serving(EchoEngine(), unsupported="warn") as client:
        yield client


def ask(client: Client, body_input: Any = "Hello, my friend!", **fields: Any) -> httpx.Response:
    return client.post(
        "/v1/responses", headers=BEARER, json={"model": client_model(client), "input": body_input, **fields}
    )


def client_model(client: Client) -> str:
    listed = client.get("/v1/models", headers=BEARER).json()["data"]
    found: str = listed[0]["id"]
    return found


def text(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    (message,) = answer.json()["output"]
    (part,) = message["content"]
    found: str = part["text"]
    return found


def events(answer: httpx.Response) -> list[Json]:
    """The events of a stream, each of which bears the name that its type says."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def test_a_text_is_answered_and_nothing_is_kept(echo: Client) -> None:
    answer = ask(echo, instructions="Be brief.", metadata={"a": "b"}, temperature=0.5)
    assert text(answer) == "Hello, my friend!"
    told = answer.json()
    assert (told["status"], told["store"], told["previous_response_id"]) == ("completed", False, None)
    assert (told["instructions"], told["metadata"], told["temperature"]) == ("Be brief.", {"a": "b"}, 0.5)
    assert told["usage"]["output_tokens"] == 3
    assert answer.headers["x-request-id"]


def test_a_stream_ends_with_its_last_event_and_without_the_mark_of_a_chat(echo: Client) -> None:
    found = events(ask(echo, stream=True))
    assert found[0]["type"] == "response.created"
    assert found[-1]["type"] == "response.completed"
    assert "".join(event["delta"] for event in found if "delta" in event) == "Hello, my friend!"
    assert found[-1]["response"]["usage"]["output_tokens"] == 3


def test_a_tool_is_called_and_its_output_read(echo: Client) -> None:
    called = ask(echo, "Rain?", tools=[FUNCTION], tool_choice="required").json()["output"]
    assert [(item["type"], item["name"], item["arguments"]) for item in called] == [
        ("function_call", "get_weather", "{}")
    ]
    items = [{"role": "user", "content": "Rain?"}, *called]
    items.append({"type": "function_call_output", "call_id": called[0]["call_id"], "output": "No."})
    assert text(ask(echo, items, tools=[FUNCTION])) == "No."


def test_an_answer_in_json_obeys_its_schema(echo: Client) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [7]}}, "required": ["a"], "additionalProperties": False}
    form = {"type": "json_schema", "name": "n", "schema": schema}
    assert json.loads(text(ask(echo, text={"format": form}))) == {"a": 7}


def test_an_answer_that_is_too_long_is_incomplete(echo: Client) -> None:
    answer = ask(echo, "word " * 30, max_output_tokens=16).json()
    assert (answer["status"], answer["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert len(answer["output"][0]["content"][0]["text"].split()) == 16


def test_a_long_conversation_is_read_aside(echo: Client) -> None:
    items = [{"role": "user", "content": [{"type": "input_text", "text": str(number)}]} for number in range(400)]
    assert text(ask(echo, items)) == "399"
    assert error(ask(echo, [*items, PICTURE]), 400)["param"] == "input[400].content[0]"


PICTURE: Json = {"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"store": True}, "store", "unsupported_parameter"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "unsupported_parameter"),
        ({"conversation": {"id": "conv_1"}}, "conversation", "unsupported_parameter"),
        ({"background": True}, "background", "unsupported_parameter"),
        ({"prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
        ({"tools": [FUNCTION, {"type": "web_search"}]}, "tools[1]", "unsupported_parameter"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "file_search"}}, "tool_choice", "unsupported_parameter"),
        ({"include": ["web_search_call.results"]}, "include[0]", "unsupported_parameter"),
        ({"include": ["message.output_text.logprobs"]}, "include", "unsupported_parameter"),
        ({"reasoning": {"effort": "high"}}, "reasoning.effort", "unsupported_parameter"),
        ({"reasoning": {"summary": "detailed"}}, "reasoning.summary", "unsupported_parameter"),
        ({"text": {"verbosity": "low"}}, "text.verbosity", "unsupported_parameter"),
        ({"truncation": "auto"}, "truncation", "unsupported_parameter"),
        ({"input": [PICTURE]}, "input[0].content[0]", "unsupported_parameter"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]", "unsupported_parameter"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input[0]", "unsupported_parameter"),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "x"}}, "tool_choice.name", "invalid_value"),
        ({"input": []}, "input", "array_below_min_length"),
        ({"input": [{"type": "mesage", "role": "user"}]}, "input[0].type", "invalid_value"),
        ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value"),
        ({"max_tokens": 20}, "max_tokens", "unknown_parameter"),
        ({"model": "none"}, "model", "model_not_found"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_honoured_is_refused_by_the_name_that_the_client_sent(
    echo: Client, fields: Json, param: str, code: str, stream: bool
) -> None:
    told = error(ask(echo, **{"stream": stream, **fields}), 404 if code == "model_not_found" else 400)
    assert (told["param"], told["code"]) == (param, code)
    assert param in told["message"] or code == "model_not_found" or param == "tool_choice.name"


def test_under_the_policy_warn_it_is_left_out_and_named(lenient: Client) -> None:
    fields = {
        "tools": [{"type": "web_search"}, FUNCTION],
        "reasoning": {"effort": "high", "summary": "detailed"},
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "store": True,
        "service_tier": "flex",
        "top_k": 3,
    }
    words = {"role": "user", "content": [PICTURE["content"][0], {"type": "input_text", "text": "Hi"}]}
    for stream in (False, True):
        answer = ask(lenient, [words], stream=stream, **fields)
        told = events(answer)[-1]["response"] if stream else answer.json()
        assert told["output"][0]["content"][0]["text"] == "Hi"
        assert [tool["type"] for tool in told["tools"]] == ["function"]
        assert set(answer.headers["x-unsupported-parameters"].split(", ")) == {
            *("tools[0]", "reasoning.effort", "reasoning.summary", "include", "store", "service_tier", "top_k"),
            "input[0].content[0]",
        }
    assert error(ask(lenient, previous_response_id="resp_1"), 400)["param"] == "previous_response_id"


def scripted(*steps: Step) -> ScriptedEngine:
    return ScriptedEngine(WHOLE, plan=ScriptedPlan(lambda _choice: steps))


def test_a_failure_before_the_first_event_is_an_ordinary_error() -> None:
    with serving(scripted(EngineUnavailable("The model is away."))) as client:
        told = error(ask(client, stream=True), 503)
    assert told["message"] == "The model is away."


def test_a_failure_in_the_middle_is_the_last_event() -> None:
    with serving(scripted(Delta(0, {"content": "a"}), EngineUnavailable("The model is away."))) as client:
        answer = ask(client, stream=True)
    last = events(answer)[-1]
    assert (answer.status_code, last["type"]) == (200, "response.failed")
    assert last["response"]["error"] == {"code": "server_error", "message": "The model is away."}


def test_a_breach_of_the_contract_in_the_middle_is_told_as_any_failure_and_the_numbers_have_no_gap() -> None:
    token: Any = {"token": 7, "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    steps: list[Step] = [
        Delta(0, {"reasoning_content": "Hm"}),
        Delta(0, {"content": "a"}),
        Delta(0, {"content": "b"}, logprobs={"content": [token], "refusal": None}),
        Delta(0, {}, "stop"),
    ]
    with serving(scripted(*steps)) as client:
        found = events(ask(client, stream=True, include=["message.output_text.logprobs"]))
    assert [event["sequence_number"] for event in found] == [*range(len(found))]
    assert [event["type"] for event in found[-2:]] == ["response.output_text.delta", "response.failed"]
    last = found[-1]["response"]
    assert (last["status"], last["error"]["code"]) == ("failed", "server_error")
    assert "did not fit the contract" in last["error"]["message"]
    assert [item["type"] for item in last["output"]] == ["reasoning"]


def test_a_fault_of_ours_in_the_middle_is_told_as_any_failure() -> None:
    with serving(scripted(Delta(0, {"content": "a"}), ZeroDivisionError("a fault"))) as client:
        last = events(ask(client, stream=True))[-1]
    assert last["type"] == "response.failed"
    assert "a fault" not in json.dumps(last)


def test_thoughts_and_log_probabilities_come_back_as_items_that_can_be_sent_again() -> None:
    token: TokenLogprob = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    steps: list[Step] = [
        Delta(0, {"reasoning_content": "Hm"}),
        Delta(0, {"content": "a"}, logprobs={"content": [token], "refusal": None}),
        Delta(0, {}, "stop"),
    ]
    engine = scripted(*steps)
    with serving(engine) as client:
        fields: Json = {"include": ["message.output_text.logprobs"], "reasoning": {"effort": "low"}}
        output = ask(client, **fields).json()["output"]
        assert [item["type"] for item in output] == ["reasoning", "message"]
        assert output[1]["content"][0]["logprobs"] == [token]
        assert events(ask(client, stream=True, **fields))[-1]["response"]["output"][0]["content"] == [
            {"type": "reasoning_text", "text": "Hm"}
        ]
        question = {"role": "user", "content": "Hi"}
        assert ask(client, [question, *output, question]).status_code == 200
    asked = engine.asked[-1]["messages"]
    assert asked == [question, {"role": "assistant", "content": "a", "reasoning_content": "Hm"}, question]


def test_a_key_is_needed_and_a_mock_answers_as_the_document_says() -> None:
    with serving(EchoEngine(), mock="all") as client:
        assert client.post("/v1/responses", json={"model": "m", "input": "Hi"}).status_code == 401
        body = {"model": "m", "input": "Hi"}
        answer = client.post("/v1/responses", headers=BEARER, json=body).json()
        assert answer["output"][0]["content"][0]["text"] == "Hello! How can I help?"
        headers = {**BEARER, "accept": "text/event-stream"}
        mocked = client.post("/v1/responses", headers=headers, json={**body, "stream": True}).text
        assert "event: response.created\n" in mocked
        assert "event: response.completed\n" in mocked


def test_a_parameter_beyond_the_api_reaches_a_model_whose_operator_lets_it_through() -> None:
    engine = ScriptedEngine(replace(WHOLE, extra_parameters=frozenset({"top_k"})))
    with serving(engine) as client:
        assert text(ask(client, top_k=5)) == "a0"
        assert engine.asked[0]["top_k"] == 5
        assert error(ask(client, top_k=-1), 400)["param"] == "top_k", "the contract has its bounds"
        assert error(ask(client, min_p=0.5), 400)["code"] == "unknown_parameter"


def test_under_a_document_of_another_author_a_field_that_is_no_parameter_is_not_ignored(tmp_path: Path) -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Theirs", "version": "1"},
        "servers": [{"url": "/v1"}],
        "paths": {
            "/responses": {
                "post": {
                    "operationId": "createResponse",
                    "tags": ["Responses"],
                    "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
                    "responses": {"200": {"description": "OK"}},
                }
            }
        },
    }
    spec = tmp_path / "theirs.json"
    spec.write_text(json.dumps(document))
    with serving(EchoEngine(), spec=spec) as client:
        body = {"model": "parley-echo", "input": "Hi"}
        for name in ("colour", "n"):
            told = error(client.post("/v1/responses", headers=BEARER, json={**body, name: 2}), 400)
            assert (told["param"], told["code"]) == (name, "unsupported_parameter")
        assert text(client.post("/v1/responses", headers=BEARER, json=body)) == "Hi"


NAMESPACE: Json = {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [FUNCTION]}


def test_a_call_of_a_tool_in_a_namespace_tells_the_namespace_and_the_name_apart() -> None:
    with serving(EchoEngine(calls_tools=True)) as client:
        called = ask(client, tools=[NAMESPACE]).json()
        told = events(ask(client, tools=[NAMESPACE], stream=True))
        (item,) = called["output"]
        assert (item["type"], item["namespace"], item["name"]) == ("function_call", "crm", "get_weather")
        assert called["tools"] == [NAMESPACE]
        added = next(event for event in told if event["type"] == "response.output_item.added")
        assert (added["item"]["namespace"], added["item"]["name"]) == ("crm", "get_weather")
        done = next(event for event in told if event["type"] == "response.function_call_arguments.done")
        assert done["name"] == "get_weather"
        assert told[-1]["response"]["output"][0]["namespace"] == "crm"
        result = {"type": "function_call_output", "call_id": item["call_id"], "output": "Sunny."}
        assert text(ask(client, [{"role": "user", "content": "Hi"}, item, result], tools=[NAMESPACE])) == "Sunny."
        plain = ask(client, tools=[FUNCTION]).json()["output"][0]
        assert "namespace" not in plain


def test_an_error_about_a_tool_in_a_namespace_names_its_place(echo: Client) -> None:
    flat = {**FUNCTION, "name": "crm__get_weather"}
    assert error(ask(echo, tools=[NAMESPACE, flat]), 400)["param"] == "tools[1].name"
    unread = {**NAMESPACE, "tools": [{**FUNCTION, "parameters": {"type": 5}}]}
    told = error(ask(echo, tools=[flat, unread], tool_choice="required"), 400)
    assert told["param"].startswith("tools[1].tools[0].parameters")
    assert error(ask(echo, tools=[{**NAMESPACE, "tools": [FUNCTION] * 129}]), 400)["param"] == "tools[0].tools"
    assert error(ask(echo, tools=[{**NAMESPACE, "tools": [FUNCTION] * 128}, FUNCTION]), 400)["param"] == "tools"


def test_the_echo_takes_the_key_of_a_cache_as_it_keeps_nothing_that_others_could_share(echo: Client) -> None:
    answer = ask(echo, prompt_cache_key="a conversation")
    assert (text(answer), answer.json()["prompt_cache_key"]) == ("Hello, my friend!", "a conversation")
    assert answer.json()["usage"]["input_tokens_details"]["cached_tokens"] == 0
