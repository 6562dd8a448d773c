"""What is asked of each model, and what its answers must be, whatever it says."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema

from ..live import Server

Json = dict[str, Any]

HONOURED, REFUSED, FAILED = "yes", "refused", "no"

USER: Json = {"role": "user", "content": "What is the weather in Paris?"}
SCHEMA: Json = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Paris", "Rome", "Łódź"]},
        "degrees": {"type": "integer", "minimum": -50, "maximum": 60},
        "notes": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 2},
    },
    "required": ["city", "degrees", "notes"],
    "additionalProperties": False,
}
FORMAT: Json = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": SCHEMA}}


def function(name: str, schema: Json) -> Json:
    return {"type": "function", "function": {"name": name, "description": f"The {name}.", "parameters": schema}}


WEATHER = function("get_weather", SCHEMA)
TIME = function(
    "get_time",
    {"type": "object", "properties": {"zone": {"type": "string", "enum": ["UTC", "CET"]}}, "required": ["zone"]},
)
SCHEMAS = {"get_weather": SCHEMA, "get_time": TIME["function"]["parameters"]}
CALL: Json = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": '{"zone": "UTC"}'}}
RESULT: list[Json] = [
    USER,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "12:00"},
]
PIXEL = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
PICTURE: Json = {
    "role": "user",
    "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
}


class Wrong(AssertionError):
    """An answer is not what it must be."""


def expect(holds: object, what: str) -> None:
    if not holds:
        raise Wrong(what)


@dataclass(frozen=True, slots=True)
class Reached:
    """A server with one model."""

    server: Server

    def ask(self, **request: Any) -> Json:
        """The completion; of a refusal that names a parameter its error.

        Raises:
            Wrong: the answer is neither.
        """
        body = {"model": self.model, "messages": [USER], "max_completion_tokens": 24, **request}
        answer = self.server.request("POST", "/v1/chat/completions", headers=self.server.bearer, body=body)
        told: Json = answer.json()
        if answer.status == 400:
            expect(told["error"]["param"], f"a refusal without a parameter: {told}")
            return told
        expect(answer.status == 200, f"{answer.status}: {told}")
        return told

    def message(self, **request: Any) -> Json:
        """The message of a completion that must be one."""
        told = self.ask(**request)
        expect("choices" in told, f"refused: {told}")
        return {**told["choices"][0]["message"], "finish_reason": told["choices"][0]["finish_reason"]}

    def events(self, **request: Any) -> list[Json]:
        """The chunks of a stream that must end well."""
        body = {"model": self.model, "messages": [USER], "max_completion_tokens": 24, "stream": True, **request}
        answer = self.server.request("POST", "/v1/chat/completions", headers=self.server.bearer, body=body)
        expect(answer.status == 200, f"{answer.status}: {answer.body[:300]!r}")
        told = re.findall(r"^data: (.*)$", answer.body.decode(), re.M)
        expect(told[-1] == "[DONE]", "no [DONE]")
        chunks: list[Json] = [json.loads(each) for each in told[:-1]]
        expect(all("error" not in chunk for chunk in chunks), f"{chunks[-1]}")
        expect(chunks[0]["choices"][0]["delta"].get("role") == "assistant", "the role is not first")
        ends = [chunk for chunk in chunks if chunk["choices"] and chunk["choices"][0]["finish_reason"]]
        expect(len(ends) == 1, "not one finish reason")
        return chunks

    @property
    def model(self) -> str:
        told: Json = self.server.request("GET", "/v1/models", headers=self.server.bearer).json()
        name: str = told["data"][0]["id"]
        return name


Check = Callable[[Reached], str]
CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    def add(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return add


@check("plain")
def _plain(model: Reached) -> str:
    for seed in range(6):
        message = model.message(seed=seed, temperature=(0, 1, 2)[seed % 3], max_completion_tokens=(3, 40)[seed % 2])
        expect(isinstance(message["content"], str), f"no content: {message}")
    return HONOURED


@check("stream")
def _stream(model: Reached) -> str:
    for seed in range(6):
        model.events(seed=seed, stream_options={"include_usage": True}, max_completion_tokens=(3, 40)[seed % 2])
    return HONOURED


@check("system and developer")
def _system(model: Reached) -> str:
    system, developer = ({"role": role, "content": f"Be {role}."} for role in ("system", "developer"))
    for messages in ([system, USER], [developer, USER], [system, developer, USER], [USER, system], [system]):
        model.message(messages=messages)
    return HONOURED


@check("turns")
def _turns(model: Reached) -> str:
    said: Json = {"role": "assistant", "content": "It is warm."}
    for messages in ([USER, said, USER], [USER, USER], [USER, said], [said, USER], [USER, said, said, USER]):
        model.message(messages=messages)
    return HONOURED


def fits(text: str | None, schema: Json) -> None:
    try:
        jsonschema.validate(json.loads(text or ""), schema)
    except (ValueError, jsonschema.ValidationError) as error:
        raise Wrong(f"{text!r} does not fit: {str(error)[:200]}") from None


@check("schema")
def _schema(model: Reached) -> str:
    for seed in range(3):
        message = model.message(response_format=FORMAT, max_completion_tokens=400, seed=seed)
        fits(message["content"], SCHEMA)
    return HONOURED


@check("schema, streamed")
def _schema_streamed(model: Reached) -> str:
    chunks = model.events(response_format=FORMAT, max_completion_tokens=400)
    fits("".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"]), SCHEMA)
    return HONOURED


@check("json_object")
def _json_object(model: Reached) -> str:
    for seed in range(3):
        message = model.message(response_format={"type": "json_object"}, max_completion_tokens=200, seed=seed)
        if message["finish_reason"] == "stop":
            fits(message["content"], {"type": "object"})
        else:
            # Noise need not close what it opens.
            expect((message["content"] or "{").lstrip().startswith("{"), f"no object: {message}")
    return HONOURED


def valid_calls(message: Json) -> list[Json]:
    calls: list[Json] = message.get("tool_calls") or []
    for call in calls:
        expect(call["type"] == "function", f"no function: {call}")
        fits(call["function"]["arguments"], SCHEMAS[call["function"]["name"]])
    return calls


@check("tools by choice")
def _tools(model: Reached) -> str:
    for seed in range(4):
        model.message(tools=[WEATHER, TIME], seed=seed, max_completion_tokens=60)
        model.events(tools=[WEATHER, TIME], seed=seed, max_completion_tokens=60)
    return HONOURED


@check("strict tools by choice")
def _strict_tools(model: Reached) -> str:
    strict = {**WEATHER, "function": {**WEATHER["function"], "strict": True}}
    for seed in range(2):
        model.message(tools=[strict], seed=seed, max_completion_tokens=60)
    return HONOURED


@check("tools, none")
def _none(model: Reached) -> str:
    message = model.message(tools=[WEATHER, TIME], tool_choice="none")
    expect(not message.get("tool_calls"), "a call")
    return HONOURED


@check("tools, required")
def _required(model: Reached) -> str:
    for seed in range(3):
        message = model.message(tools=[WEATHER, TIME], tool_choice="required", max_completion_tokens=400, seed=seed)
        expect(len(valid_calls(message)) == 1, f"no call: {message}")
        expect(message["finish_reason"] == "tool_calls", f"ended for {message['finish_reason']}")
    return HONOURED


@check("tools, required, streamed")
def _required_streamed(model: Reached) -> str:
    chunks = model.events(tools=[WEATHER], tool_choice="required", max_completion_tokens=400)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    functions = [call["function"] for delta in deltas for call in delta.get("tool_calls") or ()]
    expect("".join(each.get("name") or "" for each in functions) == "get_weather", "another name")
    fits("".join(each.get("arguments") or "" for each in functions), SCHEMA)
    return HONOURED


@check("tools, named")
def _named(model: Reached) -> str:
    named = {"type": "function", "function": {"name": "get_time"}}
    message = model.message(tools=[WEATHER, TIME], tool_choice=named, max_completion_tokens=400)
    expect([call["function"]["name"] for call in valid_calls(message)] == ["get_time"], f"another call: {message}")
    return HONOURED


@check("parallel calls")
def _parallel(model: Reached) -> str:
    both = {"tools": [WEATHER, TIME], "tool_choice": "required", "max_completion_tokens": 2000}
    expect(valid_calls(model.message(**both, parallel_tool_calls=True)), "no call")
    expect(len(valid_calls(model.message(**both, parallel_tool_calls=False))) == 1, "not one call")
    return HONOURED


@check("custom tools")
def _custom(model: Reached) -> str:
    plain = {"type": "custom", "custom": {"name": "say"}}
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[a-c]{2,5}!"}}
    bound = {"type": "custom", "custom": {"name": "spell", "format": grammar}}
    message = model.message(tools=[bound], tool_choice="required", max_completion_tokens=400)
    (call,) = message["tool_calls"]
    expect(re.fullmatch("[a-c]{2,5}!", call["custom"]["input"]), f"another text: {call}")
    model.message(tools=[plain, bound], max_completion_tokens=60)
    return HONOURED


@check("a tool's result")
def _result(model: Reached) -> str:
    said = {"role": "assistant", "content": "It is noon.", "tool_calls": [CALL, {**CALL, "id": "call_2"}]}
    two = [USER, said, RESULT[2], {**RESULT[2], "tool_call_id": "call_2"}, USER]
    for messages in (RESULT, two, [{"role": "system", "content": "Be brief."}, *RESULT]):
        model.message(messages=messages, tools=[TIME])
    model.message(messages=RESULT)
    return HONOURED


@check("stop")
def _stop(model: Reached) -> str:
    stops = ["a", "e", " "]
    for request in ({}, {"logprobs": True}):
        message = model.message(stop=stops, max_completion_tokens=40, **request)
        expect(not any(stop in message["content"] for stop in stops), f"a stop sequence: {message}")
    return HONOURED


@check("log probabilities")
def _logprobs(model: Reached) -> str:
    told = model.ask(logprobs=True, top_logprobs=2)
    choice = told["choices"][0]
    entries = choice["logprobs"]["content"]
    text = b"".join(bytes(entry["bytes"]) for entry in entries).decode(errors="replace")
    expect(text.strip() == choice["message"]["content"].strip(), f"{text!r} for {choice['message']['content']!r}")
    model.ask(logprobs=True, tools=[TIME])
    return HONOURED


@check("seed")
def _seed(model: Reached) -> str:
    first, second = (model.message(seed=7) for _ in range(2))
    expect(first == second, f"{first} and {second}")
    return HONOURED


@check("effort")
def _effort(model: Reached) -> str:
    honoured = False
    for effort in ("none", "minimal", "low", "medium", "high"):
        told = model.ask(reasoning_effort=effort, max_completion_tokens=40)
        honoured |= "choices" in told
        if "choices" not in told:
            expect(told["error"]["param"] == "reasoning_effort", f"{told}")
            continue
        for bound in ({"response_format": FORMAT}, {"tools": [WEATHER], "tool_choice": "required"}):
            told = model.ask(reasoning_effort=effort, max_completion_tokens=400, **bound)
            if "choices" not in told:
                expect(told["error"]["param"] == "reasoning_effort", f"{told}")
            elif "tools" in bound:
                expect(valid_calls(told["choices"][0]["message"]), f"no call: {told}")
            else:
                fits(told["choices"][0]["message"]["content"], SCHEMA)
    return HONOURED if honoured else REFUSED


@check("pictures")
def _pictures(model: Reached) -> str:
    told = model.ask(messages=[PICTURE])
    expect("error" in told and told["error"]["param"].startswith("messages[0].content[1]"), f"{told}")
    return REFUSED


def verdicts(server: Server, names: Iterator[str] | None = None) -> Iterator[tuple[str, str, str]]:
    """For each feature its name, the verdict, and for a failure what was wrong."""
    model = Reached(server)
    for name in names or CHECKS:
        try:
            yield name, CHECKS[name](model), ""
        except Wrong as wrong:
            yield name, FAILED, str(wrong)
        except Exception as error:
            yield name, FAILED, f"{type(error).__name__}: {error}"
