"""Families of bodies, each with a number that can be turned up: depth, width, branching, counts, sizes."""

from __future__ import annotations

import json
from typing import Any

from app.jsontypes import Json

MiB = 1 << 20
# The model of all setups.
MODEL = "parley-echo"


def chat(content: Any = "Hello!", **more: Any) -> bytes:
    """A request for a short answer."""
    body = {
        "model": MODEL,
        "max_tokens": 8,
        "temperature": 0,
        "messages": [{"role": "user", "content": content}],
        **more,
    }
    return json.dumps(body).encode()


_BEGUN = chat().decode()[:-1]


def conversation(messages: int, size: int) -> bytes:
    """An honest one, of messages of so many characters."""
    texts = ["word " * (size // 5)] * messages
    roles = ["user", "assistant"] * messages
    return chat(messages=[{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)])


def filled(before: str, item: str, after: str, size: int = 19 * MiB) -> bytes:
    """A list of the same small value, of so many bytes; ``before`` ends with its bracket."""
    return f"{before}{','.join([item] * (size // (len(item) + 1)))}{after}".encode()


def values(item: str, size: int = 19 * MiB) -> bytes:
    """Messages that are small values."""
    return filled(f'{{"model":"{MODEL}","messages":[', item, "]}", size)


def member(name: str, item: str, size: int = 19 * MiB) -> bytes:
    """A request with a list of the same small value in one of its parameters."""
    return filled(f'{_BEGUN},"{name}":[', item, "]}", size)


def names(name: str, item: str, size: int = 19 * MiB) -> bytes:
    """A request with an object of many names in one of its parameters."""
    pairs = ",".join(f'"{number}":{item}' for number in range(size // (len(item) + 10)))
    return f'{_BEGUN},"{name}":{{{pairs}}}}}'.encode()


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    """Brackets in brackets."""
    return f'{{"messages":{opening * depth}{closing * depth}}}'.encode()


def formatted(schema: Json, strict: bool = False) -> bytes:
    """A request for an answer by a schema."""
    return chat(response_format=form(schema, strict))


def form(schema: Json, strict: bool = False) -> Json:
    """A response format."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": strict}}


def called(schema: Json, count: int = 1) -> bytes:
    """A request for a call of a tool whose arguments have a schema, one of so many."""
    tools = [
        {"type": "function", "function": {"name": f"f{number}", "parameters": schema, "strict": True}}
        for number in range(count)
    ]
    return chat(tools=tools, tool_choice="required")


def branching(levels: int, keyword: str = "oneOf", width: int = 2) -> Json:
    """A schema of a few kilobytes that has ``width ** levels`` paths: each level refers to the next one again and
    again."""
    definitions: Json = {f"d{level}": {keyword: [{"$ref": f"#/$defs/d{level + 1}"}] * width} for level in range(levels)}
    definitions[f"d{levels}"] = {"enum": [1]}
    return {"$defs": definitions, **_answer_object({"$ref": "#/$defs/d0"})}


def recursive(keyword: str = "oneOf", width: int = 2) -> Json:
    """A schema of trees that fit in many ways."""
    node = {"type": "array", "items": {keyword: [{"$ref": "#/$defs/node"}] * width}}
    return {"$defs": {"node": node}, **_answer_object({"$ref": "#/$defs/node"})}


def wide(properties: int) -> Json:
    """A schema of an object with many properties, all optional."""
    return {"type": "object", "properties": {f"p{number}": {"type": "integer"} for number in range(properties)}}


def deep(levels: int) -> Json:
    """A schema of objects in objects."""
    schema: Json = {"type": "integer"}
    for _ in range(levels):
        schema = _answer_object(schema)
    return schema


def pattern(expression: str) -> Json:
    """A schema of a text."""
    return _answer_object({"type": "string", "pattern": expression})


def texts(patterns: list[str]) -> Json:
    """A schema of a text that matches one of several patterns."""
    return _answer_object({"anyOf": [{"type": "string", "pattern": pattern} for pattern in patterns]})


def matching(names: list[str]) -> Json:
    """A schema of an object whose properties are told apart by patterns."""
    return {"type": "object", "patternProperties": dict.fromkeys(names, True)}


def tools(count: int, size: int) -> list[Json]:
    """Tools whose descriptions have so many characters."""
    parameters = _answer_object({"type": "string"})
    return [
        {
            "type": "function",
            "function": {"name": f"tool_{number}", "description": "d" * size, "parameters": parameters},
        }
        for number in range(count)
    ]


def with_calls(count: int, arguments: str) -> bytes:
    """A conversation in which so many tools were called, with the same arguments, and answered."""
    calls = [
        {"id": f"c{number}", "type": "function", "function": {"name": "f", "arguments": arguments}}
        for number in range(count)
    ]
    answers = [{"role": "tool", "tool_call_id": call["id"], "content": "1"} for call in calls]
    return chat(
        messages=[
            {"role": "user", "content": "Hello!"},
            {"role": "assistant", "content": None, "tool_calls": calls},
            *answers,
        ]
    )


def with_thoughts(text: str) -> bytes:
    """A conversation in which the model thought."""
    thought = {"role": "assistant", "content": "Hi!", "reasoning_content": text}
    return chat(messages=[{"role": "user", "content": "Hello!"}, thought, {"role": "user", "content": "Well?"}])


def _answer_object(schema: Json) -> Json:
    return {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
