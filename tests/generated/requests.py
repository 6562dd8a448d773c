"""The requests that go to a generated server and to Parley alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.certify.probe import Base
from app.certify.probes.bounds import bounds
from app.certify.rules import Rules
from app.contract.document import Document

from ..openapi import CONTRACT, component_accepts

Kind = Literal["valid", "invalid", "no key", "no request"]

MODEL = "parley-tiny"
SAID: list[Any] = [{"role": "user", "content": "Say hello."}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Bern"}'}}


_IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAA"
    "AAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /[a-z]+/"}}


def _said(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


def _format(**json_schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": json_schema}}


VALID: dict[str, dict[str, Any]] = {
    "a plain call": {},
    "a developer message": _said({"role": "developer", "content": "Be brief."}, *SAID),
    "a system message with a name": _said({"role": "system", "content": "Be brief.", "name": "boss"}, *SAID),
    "a system message in parts": _said({"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, *SAID),
    "a user message in parts": _said({"role": "user", "content": [{"type": "text", "text": "Say hello."}]}),
    "a picture": _said({"role": "user", "content": [{"type": "image_url", "image_url": {"url": _IMAGE}}]}),
    "a dialogue": _said(*SAID, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Again."}),
    "a refusal among the messages": _said(*SAID, {"role": "assistant", "refusal": "No."}, *SAID),
    "the tool loop": {
        "tools": [TOOL],
        **_said(
            *SAID,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
        ),
    },
    "an unknown key in a message": _said({"role": "user", "content": "Say hello.", "extra": 1}),
    "temperature 0": {"temperature": 0},
    "temperature 2": {"temperature": 2},
    "top_p": {"top_p": 0.5},
    "penalties": {"frequency_penalty": -2, "presence_penalty": 2},
    "a seed": {"seed": 42},
    "a large seed": {"seed": 2**63 - 1},
    "a stop sequence": {"stop": "zyx"},
    "stop sequences": {"stop": ["zyx", "xyz"]},
    "no stop sequence": {"stop": None},
    "two choices": {"n": 2},
    "log probabilities": {"logprobs": True, "top_logprobs": 2},
    "a bias": {"logit_bias": {"5": -100, "6": 1}},
    "a stream": {"stream": True},
    "a stream with usage": {"stream": True, "stream_options": {"include_usage": True}},
    "max_tokens": {"max_tokens": 4, "max_completion_tokens": None},
    "plain text as the format": {"response_format": {"type": "text"}},
    "a JSON object": {"response_format": {"type": "json_object"}, "max_completion_tokens": 40},
    "a JSON schema": _format(name="place", schema=SCHEMA, strict=False),
    "tools": {"tools": [TOOL]},
    "a strict tool": {
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "strict": True, "parameters": {**SCHEMA, "additionalProperties": False}},
            }
        ]
    },
    "a custom tool": {"tools": [{"type": "custom", "custom": {"name": "shell", "description": "Runs a command."}}]},
    "a custom tool with a grammar": {"tools": [{"type": "custom", "custom": {"name": "word", "format": _GRAMMAR}}]},
    "no tool is to be called": {"tools": [TOOL], "tool_choice": "none"},
    "a named tool": {
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        "max_completion_tokens": 60,
    },
    "one call at a time": {"tools": [TOOL], "parallel_tool_calls": False},
    "functions": {"functions": [{"name": "get_weather", "parameters": SCHEMA}]},
    "metadata": {"metadata": {"team": "docs"}},
    "a user": {"user": "u-1", "safety_identifier": "s-1"},
    "a cache key": {"prompt_cache_key": "k"},
    "a service tier": {"service_tier": "auto"},
    "text as the only modality": {"modalities": ["text"]},
    "nulls": {"temperature": None, "top_p": None, "n": None, "stream": None, "metadata": None},
}

ABSENT = object()

INVALID: dict[str, dict[str, Any]] = {
    "no messages": {"messages": ABSENT},
    "no model": {"model": ABSENT},
    "an empty conversation": {"messages": []},
    "an empty model": {"model": ""},
    "messages that are null": {"messages": None},
    "an unknown parameter": {"temprature": 1},
    "a message that is a text": _said("Say hello."),
    "a message without a role": _said({"content": "Say hello."}),
    "an unknown role": _said({"role": "robot", "content": "Say hello."}),
    "a user message without content": _said({"role": "user"}),
    "content that is a number": _said({"role": "user", "content": 1}),
    "content that is null": _said({"role": "user", "content": None}),
    "no parts": _said({"role": "user", "content": []}),
    "an unknown part": _said({"role": "user", "content": [{"type": "smell", "smell": "x"}]}),
    "a part without its text": _said({"role": "user", "content": [{"type": "text"}]}),
    "a picture without an address": _said({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}),
    "a tool message without an id": _said(*SAID, {"role": "tool", "content": "Sunny."}),
    "a call without arguments": _said(
        *SAID, {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]}
    ),
    "a fraction of a token": {"max_completion_tokens": 1.5},
    "a number in a text": {"temperature": "0.5"},
    "a truth in a text": {"stream": "true"},
    "a number for a truth": {"stream": 1},
    "a seed beyond 64 bits": {"seed": 2**63},
    "an unknown key in stream_options": {"stream": True, "stream_options": {"usage": True}},
    "an unknown format": {"response_format": {"type": "yaml"}},
    "a format without a type": {"response_format": {}},
    "a JSON schema without a name": _format(schema=SCHEMA),
    "a JSON schema with a bad name": _format(name="a b", schema=SCHEMA),
    "an unknown kind of tool": {"tools": [{"type": "hammer", "hammer": {}}]},
    "a tool without a function": {"tools": [{"type": "function"}]},
    "a function without a name": {"tools": [{"type": "function", "function": {}}]},
    "a function with a bad name": {"tools": [{"type": "function", "function": {"name": "get weather"}}]},
    "an unknown key in a tool": {"tools": [{**TOOL, "extra": 1}]},
    "an unknown choice of tools": {"tools": [TOOL], "tool_choice": "perhaps"},
    "an unknown effort": {"reasoning_effort": "herculean"},
    "an unknown verbosity": {"verbosity": "loud"},
    "an unknown modality": {"modalities": ["smell"]},
    "an unknown tier": {"service_tier": "first class"},
    "a spoken answer without a voice": {"modalities": ["text", "audio"], "audio": {"format": "wav"}},
    "a bias that is a text": {"logit_bias": {"5": "much"}},
}


@dataclass(frozen=True)
class Request:
    """A request: ``body`` is sent as it is. ``kind`` is what the contract says of it."""

    name: str
    kind: Kind
    body: bytes
    method: str = "POST"
    path: str = "/chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict)
    has_key: bool = True


def requests() -> list[Request]:
    """The whole table, with a name for each."""
    rows = [*_valid(), *_invalid(), *_edges(), *_others()]
    assert len({row.name for row in rows}) == len(rows)
    return rows


def _body(**more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": SAID, "max_completion_tokens": 4, **more}


def _row(name: str, kind: Kind, body: Any) -> Request:
    return Request(name, kind, json.dumps(body).encode())


def _valid() -> Iterator[Request]:
    for name, more in VALID.items():
        yield _row(name, "valid", _body(**more))


def _invalid() -> Iterator[Request]:
    for name, more in INVALID.items():
        body = {key: value for key, value in _body(**more).items() if value is not ABSENT}
        yield _row(name, "invalid", body)


def _edges() -> Iterator[Request]:
    """Each parameter with a value of another type and beyond its bounds, as the contract has them."""

    for probe in bounds(Rules(Document.load(CONTRACT))):
        for each in probe.steps:
            asked = each.make(Base(MODEL, limit=None, cold=False), {})
            assert asked is not None
            if not component_accepts("CreateChatCompletionRequest", asked.body):
                yield _row(f"{probe.paths[0]}: {probe.check}, {each.name}", "invalid", asked.body)


def _others() -> Iterator[Request]:
    plain = json.dumps(_body()).encode()
    yield Request("without a key", "no key", plain, has_key=False)
    yield Request("a wrong key", "no key", plain, has_key=False, headers={"authorization": "Bearer sk-wrong"})
    yield Request("an empty key", "no key", plain, has_key=False, headers={"authorization": "Bearer "})
    yield Request("another scheme", "no key", plain, has_key=False, headers={"authorization": "Basic YTpi"})
    yield Request("without a key, and invalid", "no key", b"{}", has_key=False)
    yield Request("no body", "no request", b"")
    yield Request("broken JSON", "no request", plain[:-1])
    yield Request("two values", "no request", plain + plain)
    yield Request("NaN", "no request", plain[:-1] + b', "temperature": NaN}')
    yield Request("a name twice", "no request", plain[:-1] + b', "model": "other"}')
    yield Request("bytes that are no UTF-8", "no request", plain.replace(b"hello", b"\xff\xfe"))
    yield Request("nested beyond reason", "no request", b"[" * 5000 + b"]" * 5000)
    yield Request("a list", "no request", b"[]")
    yield Request("null", "no request", b"null")
    yield Request("text/plain", "no request", plain, headers={"content-type": "text/plain"})
    yield Request("a form", "no request", b"model=x", headers={"content-type": "application/x-www-form-urlencoded"})
    yield Request("another method", "no request", b"", method="PUT")
    yield Request("a path that is not there", "no request", plain, path="/chat/completion")
