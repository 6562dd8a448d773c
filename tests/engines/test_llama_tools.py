"""Tools are called as the request says, by the bundled model through the real model process."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from app.engines.base import Model
from app.engines.llama.engine import LlamaEngine
from app.engines.llama.process import ModelProcess
from app.errors import BadRequest
from app.jsontypes import Json
from app.model_process.supervisor import Supervision

from ..patience import PATIENCE, little_work
from .asking import complete, stream
from .conftest import CONTEXT_LENGTH

pytestmark = pytest.mark.live

HELLO = [{"role": "user", "content": "Hello!"}]
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
CITY: Json = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"]}
SUM: Json = {
    "type": "object",
    "properties": {"terms": {"type": "array", "items": {"$ref": "#/$defs/digit"}, "minItems": 2, "maxItems": 3}},
    "required": ["terms"],
    "additionalProperties": False,
    "$defs": {"digit": {"type": "integer", "minimum": 0, "maximum": 9}},
}


def _function(name: str, parameters: Any = None, **more: Any) -> Json:
    function = {"name": name, **more} if parameters is None else {"name": name, "parameters": parameters, **more}
    return {"type": "function", "function": function}


TOOLS = [_function("get_weather", CITY), _function("add", SUM), _function("get_time")]


def _ask(engine: LlamaEngine, *, streamed: bool = False, **request: Any) -> Any:
    async def use() -> Any:
        await engine.start()
        body = {"messages": WEATHER, "temperature": 0, **request}
        try:
            if streamed:
                return [piece async for piece in stream(engine, body)]
            return await complete(engine, body)
        finally:
            await engine.close()

    return asyncio.run(asyncio.wait_for(use(), PATIENCE))


def _choice(engine: LlamaEngine, **request: Any) -> Json:
    choice: Json = _ask(engine, **request)["choices"][0]
    return choice


def _called(choice: Json) -> list[tuple[str, Any]]:
    """The calls, once their form is checked."""
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    calls = choice["message"]["tool_calls"]
    for call in calls:
        assert call.keys() == {"id", "type", "function"}
        assert re.fullmatch("call_[0-9a-f]{24}", call["id"])
        assert call["type"] == "function"
    assert len({call["id"] for call in calls}) == len(calls)
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


def _refusal(engine: LlamaEngine, **request: Any) -> BadRequest:
    for streamed in (False, True):
        with pytest.raises(BadRequest) as caught:
            _ask(engine, streamed=streamed, **request)
    return caught.value


def test_the_model_calls_a_tool_when_it_may(engine: LlamaEngine) -> None:
    for request in ({}, {"tool_choice": "auto"}, {"parallel_tool_calls": False}, {"parallel_tool_calls": True}):
        assert _called(_choice(engine, tools=TOOLS, **request)) == [("get_weather", {"city": "Paris"})]


def test_the_model_talks_when_it_may(engine: LlamaEngine) -> None:
    choice = _choice(engine, tools=TOOLS, messages=HELLO)
    assert "help" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert "tool_calls" not in choice["message"]


def test_with_none_there_are_no_tools(engine: LlamaEngine) -> None:
    with_none, without = _ask(engine, tools=TOOLS, tool_choice="none"), _ask(engine)
    assert with_none["choices"] == without["choices"]
    assert with_none["usage"]["prompt_tokens"] == without["usage"]["prompt_tokens"]


@pytest.mark.usefixtures("marks")
@pytest.mark.parametrize("messages", [HELLO, WEATHER, [{"role": "user", "content": "Tell me a joke"}]])
def test_a_required_call_is_made(engine: LlamaEngine, messages: Any) -> None:
    for temperature in (0, 1):
        request = {"messages": messages, "tools": TOOLS, "temperature": temperature, "seed": 2}
        calls = _called(_choice(engine, tool_choice="required", **request))
        assert len(calls) == 1
        assert calls[0][0] in ("get_weather", "add", "get_time")


@pytest.mark.usefixtures("marks")
@pytest.mark.parametrize("name", ["get_weather", "add", "get_time"])
def test_the_named_function_is_called(engine: LlamaEngine, name: str) -> None:
    named = {"type": "function", "function": {"name": name}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
    for choice in (named, allowed):
        ((called, arguments),) = _called(_choice(engine, tools=TOOLS, tool_choice=choice, max_tokens=200))
        assert called == name
        assert arguments.keys() == {"get_weather": {"city"}, "add": {"terms"}, "get_time": set()}[name]
        if name == "add":
            assert all(0 <= term <= 9 for term in arguments["terms"])


def test_tools_that_are_not_allowed_are_not_called(engine: LlamaEngine) -> None:
    other = [{"type": "function", "function": {"name": "get_time"}}]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": other}}
    message = _choice(engine, tools=TOOLS, tool_choice=choice)["message"]
    assert all(call["function"]["name"] == "get_time" for call in message.get("tool_calls", ()))


@pytest.mark.usefixtures("marks")
def test_several_calls_are_made_only_when_they_may(engine: LlamaEngine) -> None:
    both = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
    request = {"messages": both, "tools": TOOLS, "tool_choice": "required", "temperature": 0, "max_tokens": 400}
    assert len(_called(_choice(engine, parallel_tool_calls=True, **request))) == 2
    assert len(_called(_choice(engine, parallel_tool_calls=False, **request))) == 1


@pytest.mark.parametrize("choice", ["auto", "required"])
@pytest.mark.usefixtures("marks")
def test_calls_are_streamed_in_fragments(engine: LlamaEngine, choice: str) -> None:
    pieces = _ask(engine, streamed=True, tools=TOOLS, tool_choice=choice)
    deltas = [c["delta"] for piece in pieces for c in piece["choices"]]
    first = deltas[0]["tool_calls"][0]
    assert first.keys() == {"index", "id", "type", "function"}
    assert first["function"] == {"name": "get_weather", "arguments": ""}
    assert deltas[-1] == {}
    fragments = [delta["tool_calls"][0] for delta in deltas[1:-1]]
    assert all(f.keys() == {"index", "function"} and f["function"].keys() == {"arguments"} for f in fragments)
    assert json.loads("".join(f["function"]["arguments"] for f in fragments)) == {"city": "Paris"}
    assert [c["finish_reason"] for p in pieces for c in p["choices"]] == [None] * (len(deltas) - 1) + ["tool_calls"]
    assert pieces[-1]["choices"] == []
    assert pieces[-1]["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_log_probabilities_come_with_tools(engine: LlamaEngine, choice: str) -> None:
    request = {"tools": TOOLS, "tool_choice": choice, "logprobs": True, "top_logprobs": 2}
    whole = _choice(engine, **request)
    assert _called(whole) == [("get_weather", {"city": "Paris"})]
    entries = whole["logprobs"]["content"]
    assert "Paris" in "".join(entry["token"] for entry in entries)
    assert all(len(entry["top_logprobs"]) == 2 for entry in entries)
    pieces = _ask(engine, streamed=True, **request)
    given = [c["logprobs"]["content"] for p in pieces for c in p["choices"] if c.get("logprobs")]
    assert [entry["token"] for part in given for entry in part] == [entry["token"] for entry in entries]
    talk = _choice(engine, messages=HELLO, **{**request, "tool_choice": "auto"})
    assert "".join(entry["token"] for entry in talk["logprobs"]["content"]) == talk["message"]["content"]


def test_a_call_that_is_cut_off_ends_by_its_length(engine: LlamaEngine) -> None:
    for choice in ("auto", "required"):
        for limit in (0, 1, 3, 14):
            answer = _ask(engine, tools=TOOLS, tool_choice=choice, max_tokens=limit)
            assert answer["choices"][0]["finish_reason"] == "length"
            assert answer["usage"]["completion_tokens"] == limit
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    with pytest.raises(json.JSONDecodeError):
        json.loads(call["function"]["arguments"])


def test_a_strict_function_gets_arguments_that_fit(engine: LlamaEngine) -> None:
    city = {"type": "string", "enum": ["Rome", "Oslo"]}
    parameters = {"type": "object", "properties": {"city": city}, "required": ["city"], "additionalProperties": False}
    for strict in (True, False):
        ((_, arguments),) = _called(_choice(engine, tools=[_function("get_weather", parameters, strict=strict)]))
        assert arguments["city"] in ("Rome", "Oslo")


def test_a_strict_schema_binds_all_of_the_arguments_however_the_call_came_about(engine: LlamaEngine) -> None:
    parameters = {**CITY, "properties": {"city": {"type": "string", "pattern": "^[0-9]{3}$"}}}
    tools = [_function("get_weather", parameters, strict=True)]
    for request in ({}, {"tool_choice": "required"}, {"logprobs": True}, {"parallel_tool_calls": False}):
        ((_, arguments),) = _called(_choice(engine, tools=tools, **request))
        assert re.fullmatch("[0-9]{3}", arguments["city"])


def test_a_strict_call_is_asked_for_again_where_the_template_has_calls_of_another_form(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pattern is too much for llama.cpp's parser.
    monkeypatch.setattr(ModelProcess, "marks_calls", _no_marks)
    parameters = {**CITY, "properties": {"city": {"type": "string", "pattern": "^[0-9]{3}$"}}}
    made = _choice(engine, tools=[_function("get_weather", parameters, strict=True)])
    (call,) = made["message"]["tool_calls"]
    assert re.fullmatch("[0-9]{3}", json.loads(call["function"]["arguments"])["city"])


async def _no_marks(_process: ModelProcess) -> bool:
    return False


def test_a_tool_that_can_never_be_called_is_named(engine: LlamaEngine) -> None:
    impossible = {"properties": {"a": {"type": "integer", "minimum": 2, "maximum": 1}}, "required": ["a"]}
    tools = [_function("f", impossible)]
    assert _refusal(engine, tools=tools, tool_choice="required").param == "tools[0].function.parameters"


MOOD: Json = {
    "type": "json_schema",
    "json_schema": {
        "name": "mood",
        "schema": {
            "type": "object",
            "properties": {"mood": {"enum": ["good", "bad"]}, "score": {"type": "integer", "minimum": 0, "maximum": 9}},
            "required": ["mood", "score"],
        },
    },
}


def test_the_model_calls_a_tool_or_answers_in_the_format(engine: LlamaEngine) -> None:
    for request in ({}, {"logprobs": True}, {"parallel_tool_calls": False}, {"tool_choice": "auto"}):
        body = {"tools": TOOLS, "response_format": MOOD, **request}
        assert _called(_choice(engine, **body)) == [("get_weather", {"city": "Paris"})]
        for seed in range(5):
            said = _choice(engine, messages=HELLO, temperature=1, seed=seed, **body)
            assert said["finish_reason"] == "stop"
            assert "tool_calls" not in said["message"]
            answer = json.loads(said["message"]["content"])
            assert answer.keys() == {"mood", "score"}
            assert answer["mood"] in ("good", "bad")
            assert 0 <= answer["score"] <= 9


def test_the_choice_between_a_call_and_a_format_is_streamed(engine: LlamaEngine) -> None:
    body = {"tools": TOOLS, "response_format": {"type": "json_object"}}
    for messages, begins in ((WEATHER, "tool_calls"), (HELLO, "content")):
        pieces = _ask(engine, streamed=True, messages=messages, max_tokens=40, **body)
        deltas = [choice["delta"] for piece in pieces for choice in piece["choices"]]
        assert begins in deltas[0]
        assert len([True for piece in pieces for choice in piece["choices"] if choice["finish_reason"]]) == 1
        assert len([True for piece in pieces if "usage" in piece]) == 1
        if begins == "content":
            assert "".join(delta.get("content", "") for delta in deltas).startswith("{")


def test_the_choice_between_a_call_and_a_format_works_with_llama_cpps_parser(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelProcess, "marks_calls", _no_marks)
    body = {"tools": TOOLS, "response_format": MOOD}
    assert _called(_choice(engine, **body)) == [("get_weather", {"city": "Paris"})]
    assert json.loads(_choice(engine, messages=HELLO, **body)["message"]["content"])["mood"] in ("good", "bad")


def test_the_choice_between_a_function_and_a_format_is_answered_in_the_old_shape(engine: LlamaEngine) -> None:
    body = {"functions": [tool["function"] for tool in TOOLS], "response_format": MOOD}
    assert _choice(engine, **body)["message"]["function_call"]["name"] == "get_weather"
    assert json.loads(_choice(engine, messages=HELLO, **body)["message"]["content"])["mood"] in ("good", "bad")


def test_a_format_that_cannot_be_obeyed_is_refused_also_with_tools(engine: LlamaEngine) -> None:
    schema = {"type": "object", "properties": {"a": {"minimum": 2, "maximum": 1, "type": "integer"}}, "required": ["a"]}
    form = {"type": "json_schema", "json_schema": {"name": "never", "schema": schema}}
    for messages in (HELLO, WEATHER):
        error = _refusal(engine, tools=TOOLS, response_format=form, messages=messages)
        assert error.param == "response_format.json_schema.schema"


def test_a_format_does_not_matter_when_a_call_must_or_must_not_be_made(engine: LlamaEngine) -> None:
    body = {"tools": TOOLS, "response_format": {"type": "json_object"}}
    assert _called(_choice(engine, tool_choice="required", **body))
    assert _choice(engine, tool_choice="none", max_tokens=5, **body)["message"]["content"].startswith("{")


def test_many_large_tools_cost_little(engine: LlamaEngine) -> None:
    def nested(depth: int) -> Json:
        properties: Json = {f"p{index}": {"type": "string", "maxLength": 9999} for index in range(20)}
        if depth:
            properties["deep"] = nested(depth - 1)
        return {"type": "object", "properties": properties}

    for number, depth, params in (
        (128, 5, ["messages", "tool_choice"]),
        (128, 20, ["tools", "tools"]),
        (1, 20, ["messages", "messages"]),
    ):
        tools = [_function(f"f{index}", nested(depth)) for index in range(number)]
        for choice, param in zip(("auto", "required"), params, strict=True):
            with little_work(20):
                assert _refusal(engine, tools=tools, tool_choice=choice).param == param


def test_functions_are_answered_in_the_old_shape(engine: LlamaEngine) -> None:
    functions = [tool["function"] for tool in TOOLS]
    for request in ({}, {"function_call": "auto"}, {"function_call": {"name": "get_weather"}}):
        choice = _choice(engine, functions=functions, **request)
        assert choice["finish_reason"] == "function_call"
        assert choice["message"]["content"] is None
        assert "tool_calls" not in choice["message"]
        call = choice["message"]["function_call"]
        assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Paris"})
        pieces = _ask(engine, streamed=True, functions=functions, **request)
        deltas = [c["delta"] for piece in pieces for c in piece["choices"]]
        assert deltas[0] == {"function_call": {"name": "get_weather", "arguments": ""}}
        texts = [delta["function_call"]["arguments"] for delta in deltas[:-1]]
        assert json.loads("".join(texts)) == {"city": "Paris"}
    assert _choice(engine, functions=functions, function_call="none") == _choice(engine)


def test_a_custom_tool_takes_text(engine: LlamaEngine) -> None:
    tools = [{"type": "custom", "custom": {"name": "note", "format": {"type": "text"}}}, TOOLS[0]]
    named = {"type": "custom", "custom": {"name": "note"}}
    request = {"tools": tools, "tool_choice": named, "max_tokens": 400}
    choice = _choice(engine, **request)
    (call,) = choice["message"]["tool_calls"]
    assert call["type"] == "custom"
    assert call["custom"]["name"] == "note"
    assert isinstance(call["custom"]["input"], str)
    assert call.keys() == {"id", "type", "custom"}
    pieces = _ask(engine, streamed=True, **request)
    deltas = [c["delta"]["tool_calls"][0] for p in pieces for c in p["choices"] if c["delta"]]
    assert deltas[0]["custom"] == {"name": "note", "input": ""}
    assert "".join(delta["custom"]["input"] for delta in deltas) == call["custom"]["input"]


def test_tools_together_may_be_so_large_and_no_larger(supervision: Supervision) -> None:
    size = sum(len(json.dumps(tool["function"].get("parameters", {}))) for tool in TOOLS)
    model = Model(id="parley-tiny", created=0, owned_by="parley", fingerprint="fp_test")
    address = (supervision.socket, supervision.key)
    small, large = (
        LlamaEngine(model, context_length=CONTEXT_LENGTH, address=lambda: address, max_schemas=most)
        for most in (size // 2, size * 2)
    )
    assert _called(_choice(large, tools=TOOLS))
    for body, param in (
        ({"tools": TOOLS}, "tools"),
        ({"functions": [tool["function"] for tool in TOOLS]}, "functions"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"description": "a" * size}}}}, None),
    ):
        error = _refusal(small, **body)
        assert error.param == (param or "response_format.json_schema.schema")
        assert str(size // 2) in error.message
