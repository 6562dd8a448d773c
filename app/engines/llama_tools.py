"""Tools: who may be called, and the calls in an answer.

When the model may choose, llama.cpp parses its calls; when it must call, its whole answer is bound to be the JSON of a
call, which is turned into one here, for llama.cpp lets a model talk instead. What is called is one of the tools given,
always.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import BadRequest, ServerError, UnsupportedParameter
from . import llama_schema
from .base import Json
from .llama_logprobs import joined
from .llama_schema import Schema, accepted

# Calls in one answer, when it must call and may do so often.
_MOST_CALLS = 16

# Characters of the schemas of all tools, and how many llama.cpp's parser gets: it takes seconds for more.
LARGEST_TOGETHER = 1_000_000
_LARGEST_PARSED = 100_000

_OPENING = re.compile(r'\s*\{\s*"name"\s*:\s*"([a-zA-Z0-9_-]{1,64})"\s*,\s*"arguments"\s*:\s*')

_CUSTOM_INPUT: Json = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Tool:
    """``kind`` is ``function`` or ``custom``; a custom tool is a function with one text to llama.cpp."""

    name: str
    kind: str
    schema: Schema
    strict: bool
    shown: Json  # as the model's template has it


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools that may be called. ``shown`` are all that the model is told of.

    ``must``: the answer is a call and nothing else. ``many``: several calls are allowed. ``old``: the request has
    ``functions``, and so has the answer.
    """

    callable: dict[str, Tool]
    shown: list[Json]
    must: bool
    many: bool
    old: bool
    param: str

    def payload(self) -> Json:
        """What llama.cpp is told of tools that it is to parse the calls of. The template has them as they are; for
        the parser they are such that llama.cpp can handle."""
        large = sum(tool.schema.size for tool in self.callable.values()) > _LARGEST_PARSED
        tools = []
        for tool in self.callable.values():
            parameters = {"type": "object"} if large else llama_schema.loose(tool.schema)
            tools.append({"type": "function", "function": {"name": tool.name, "parameters": parameters}})
        return {"tools": tools, "tool_choice": "auto", "parallel_tool_calls": self.many}

    def refuse_to_stream(self) -> None:
        """Refuse custom tools in a stream: the API's chunks have no form for calls of them."""
        for tool in self.callable.values():
            if tool.kind == "custom":
                raise UnsupportedParameter(
                    "Unsupported parameter: calls of custom tools cannot be streamed; send stream false.",
                    param="stream",
                )

    def schema(self) -> Json:
        """The schema of an answer that is a call, or a list of them."""
        calls: list[Json] = []
        definitions: Json = {}
        for index, tool in enumerate(self.callable.values()):
            definitions[f"p{index}"] = tool.schema.moved(f"/$defs/p{index}")
            properties = {"name": {"const": tool.name}, "arguments": {"$ref": f"#/$defs/p{index}"}}
            calls.append(
                {
                    "type": "object",
                    "properties": properties,
                    "required": ["name", "arguments"],
                    "additionalProperties": False,
                }
            )
        one: Json = {"anyOf": calls}
        if self.many:
            one = {"type": "array", "items": one, "minItems": 1, "maxItems": _MOST_CALLS}
        return {**one, "$defs": definitions}


def asked(request: Json) -> Tools | None:
    """The tools that the model is told of; None: none.

    Raises:
        BadRequest: a tool cannot be used, or one is chosen that is not there.
    """
    tools = _read_all(request.get("tools") or (), "tools", _read)
    choice = request.get("tool_choice")
    old = not tools and "functions" in request
    if tools and "functions" in request:
        raise BadRequest("functions cannot go with tools: send tools alone.", param="functions", code="invalid_value")
    if old:
        tools = _read_all(request["functions"], "functions", _read_function)
    if "function_call" in request:
        if not old and request["function_call"] not in ("none", "auto"):
            raise BadRequest("function_call needs functions.", param="function_call", code="invalid_value")
        if old:
            called = request["function_call"]
            choice = called if isinstance(called, str) else {"type": "function", "function": called}
    param = "function_call" if old else "tool_choice"
    if not tools:
        if choice not in (None, "none", "auto"):
            needs = "functions" if old else "tools"
            raise BadRequest(f"{param} needs {needs}: send some, or leave it out.", param=param, code="invalid_value")
        return None
    by_name: dict[str, Tool] = {}
    for index, tool in enumerate(tools):
        if tool.name in by_name:
            where = f"functions[{index}].name" if old else f"tools[{index}].{tool.kind}.name"
            raise BadRequest("Another tool has the same name: give each its own.", param=where, code="invalid_value")
        by_name[tool.name] = tool
    if choice == "none":
        return None
    shown = [tool.shown for tool in tools]
    parallel = None if old else request.get("parallel_tool_calls")
    if isinstance(choice, dict):
        if choice["type"] == "allowed_tools":
            allowed = choice["allowed_tools"]
            chosen = {
                name: by_name[name]
                for index, reference in enumerate(allowed["tools"])
                for name in [_named(reference, by_name, f"{param}.allowed_tools.tools[{index}]")]
            }
            if not chosen:
                where = f"{param}.allowed_tools.tools"
                raise BadRequest("No tool is allowed: name one at least.", param=where, code="invalid_value")
            must = allowed["mode"] == "required"
            return Tools(chosen, shown, must, parallel is True if must else parallel is not False, False, param)
        name = _named(choice, by_name, param, old=old)
        return Tools({name: by_name[name]}, shown, True, False, old, param)
    must = choice == "required"
    many = not old and (parallel is True if must else parallel is not False)
    return Tools(by_name, shown, must, many, old, param)


def _named(reference: Json, tools: dict[str, Tool], param: str, *, old: bool = False) -> str:
    kind = reference.get("type")
    inner = reference.get(kind) if isinstance(kind, str) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    if not isinstance(name, str) or name not in tools or tools[name].kind != kind:
        where = f"{param}.name" if old else f"{param}.{kind}.name" if kind in ("function", "custom") else param
        raise BadRequest(
            f"This is none of the {'functions' if old else 'tools'} of the request: choose one of them by its name.",
            param=where,
            code="invalid_value",
        )
    return name


def _read_all(tools: Iterable[Json], param: str, read: Callable[[Json, str], Tool]) -> list[Tool]:
    size = 0
    result: list[Tool] = []
    for index, tool in enumerate(tools):
        result.append(read(tool, f"{param}[{index}]"))
        size += result[-1].schema.size
        if size > LARGEST_TOGETHER:
            raise BadRequest(
                f"The parameters of all {param} together may be at most {LARGEST_TOGETHER} characters long.",
                param=param,
                code="invalid_value",
            )
    return result


def _read(tool: Json, param: str) -> Tool:
    if tool["type"] == "custom":
        custom = tool["custom"]
        if (custom.get("format") or {}).get("type") not in (None, "text"):
            raise UnsupportedParameter(
                "Unsupported parameter: a custom tool's format must be text with this model.",
                param=f"{param}.custom.format.type",
            )
        shown = {"name": custom["name"], "description": custom.get("description") or "", "parameters": _CUSTOM_INPUT}
        schema = accepted(_CUSTOM_INPUT, param)
        return Tool(custom["name"], "custom", schema, False, {"type": "function", "function": shown})
    return _read_function(tool["function"], f"{param}.function")


def _read_function(function: Json, param: str) -> Tool:
    parameters = function.get("parameters")
    if not parameters:
        # A function without parameters takes none.
        parameters = {"type": "object", "properties": {}}
    elif parameters.get("type", "object") != "object":
        raise BadRequest(
            "The arguments of a function are an object: send parameters of type object.",
            param=f"{param}.parameters.type",
            code="invalid_value",
        )
    schema = accepted({"type": "object", **parameters}, f"{param}.parameters")
    shown = {"name": function["name"], "description": function.get("description") or "", "parameters": parameters}
    strict = bool(function.get("strict"))
    return Tool(function["name"], "function", schema, strict, {"type": "function", "function": shown})


@dataclass(slots=True)
class _Call:
    tool: Tool
    index: int
    arguments: list[str] = field(default_factory=list)


async def called(pieces: AsyncGenerator[Json, None], tools: Tools, *, may_stop: bool) -> AsyncGenerator[Json, None]:
    """The pieces with calls in the API's form.

    Raises:
        ServerError: the model called what it cannot call, or with arguments that break a strict schema.
    """
    text: list[str] = []
    entries: list[Json] = []
    calls: dict[int, _Call] = {}
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            for choice in piece["choices"]:
                delta, reason = choice["delta"], choice["finish_reason"]
                entries += (choice.get("logprobs") or {}).get("content", ())
                fragments = delta.pop("tool_calls", ())
                if tools.must:
                    text.append(delta.get("content", ""))
                    delta = {name: value for name, value in delta.items() if name == "reasoning_content"}
                    fragments = _forced("".join(text), tools) if reason else ()
                deltas = [delta] if delta else []
                deltas += [told for fragment in fragments for told in _fragment(fragment, calls, tools)]
                if reason is not None:
                    deltas += _ends(calls, tools)
                    reason = _reason(reason, calls, tools, may_stop=may_stop)
                for told in deltas:
                    answer: Json = {"index": choice["index"], "delta": told, "finish_reason": None}
                    if entries:
                        answer["logprobs"], entries = joined(entries), []
                    yield {"choices": [answer]}
                if reason is not None:
                    yield {"choices": [{"index": choice["index"], "delta": {}, "finish_reason": reason}]}
            if "usage" in piece:
                yield {"choices": [], "usage": piece["usage"]}


def _forced(text: str, tools: Tools) -> Iterator[Json]:
    """The calls in an answer that is nothing but calls, in llama.cpp's form; the last may be cut off."""
    place = text.find("[") + 1 if tools.many else 0
    for index in range(_MOST_CALLS):
        opening = _OPENING.match(text, place)
        if opening is None:
            return
        begin = opening.end()
        try:
            _, end = json.JSONDecoder().raw_decode(text, begin)
        except (ValueError, RecursionError):
            end = len(text)
        yield {"index": index, "function": {"name": opening[1], "arguments": text[begin:end]}}
        place = text.find("{", end)
        if place < 0:
            return


def _fragment(fragment: Json, calls: dict[int, _Call], tools: Tools) -> Iterator[Json]:
    """The deltas for a fragment of a call as llama.cpp gives it."""
    index, function = int(fragment.get("index", 0)), fragment.get("function") or {}
    if index > 0 and not tools.many:
        return
    call = calls.get(index)
    if call is None:
        tool = tools.callable.get(function.get("name", ""))
        if tool is None:
            raise ServerError("The model called a tool that it was not given. Ask again.")
        call = calls[index] = _Call(tool, index)
        yield _first(call, tools)
    arguments = function.get("arguments") or ""
    if arguments:
        call.arguments.append(arguments)
        if call.tool.kind == "function":
            yield _more(call, arguments, tools)


def _first(call: _Call, tools: Tools) -> Json:
    name = call.tool.name
    if tools.old:
        return {"function_call": {"name": name, "arguments": ""}}
    told: Json = {"index": call.index, "id": f"call_{secrets.token_hex(12)}", "type": call.tool.kind}
    body = {"name": name, "input": ""} if call.tool.kind == "custom" else {"name": name, "arguments": ""}
    return {"tool_calls": [{**told, call.tool.kind: body}]}


def _more(call: _Call, text: str, tools: Tools) -> Json:
    if tools.old:
        return {"function_call": {"arguments": text}}
    body = {"input": text} if call.tool.kind == "custom" else {"arguments": text}
    return {"tool_calls": [{"index": call.index, call.tool.kind: body}]}


def _ends(calls: dict[int, _Call], tools: Tools) -> Iterator[Json]:
    """The texts for custom tools, which are known only at the end."""
    for call in calls.values():
        if call.tool.kind == "custom":
            value: Any = None
            with contextlib.suppress(ValueError, RecursionError):
                value = json.loads("".join(call.arguments))
            text = value.get("input") if isinstance(value, dict) else None
            if isinstance(text, str) and text:
                yield _more(call, text, tools)


def _reason(reason: str, calls: dict[int, _Call], tools: Tools, *, may_stop: bool) -> str:
    """Why the answer ended, once its calls are found to be whole where they must be."""
    if reason == "length":
        return reason
    if not calls:
        if tools.must and not may_stop:
            raise ServerError("The model did not call a tool. Ask again.")
        return "stop"
    for call in calls.values():
        text = "".join(call.arguments)
        try:
            whole = isinstance(llama_schema.read(text), dict)
        except (ValueError, RecursionError):
            whole = False
        if not whole and may_stop:
            return "stop"
        if not whole or ((call.tool.strict or tools.must) and not call.tool.schema.fits(text)):
            raise ServerError("The model called a tool with arguments that do not fit. Ask again.")
    return "function_call" if tools.old else "tool_calls"


def message_of(deltas: list[Json]) -> Json:
    """What deltas with calls add up to, as members of a message; nothing without calls."""
    calls: dict[int, Json] = {}
    old: Json = {}
    for delta in deltas:
        for name, value in (delta.get("function_call") or {}).items():
            old[name] = old.get(name, "") + value
        for fragment in delta.get("tool_calls") or ():
            call = calls.setdefault(fragment["index"], {})
            for name, value in fragment.items():
                if isinstance(value, dict):
                    body = call.setdefault(name, {})
                    for key, text in value.items():
                        body[key] = body.get(key, "") + text
                elif name != "index":
                    call[name] = value
    message: Json = {"tool_calls": [calls[index] for index in sorted(calls)]} if calls else {}
    return {**message, "function_call": old} if old else message
