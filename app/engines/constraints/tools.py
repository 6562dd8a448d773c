"""Tools: which may be called, and what a call of each must be.

A call is always of one of the given tools. `binding` constrains the model to calls; `calls` finds them in its answer.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...errors import BadRequest
from ...jsontypes import Json
from ..tool_choice import ToolChoice
from . import grammar as llama_grammar
from . import schema as llama_schema
from .grammar import Grammar
from .limits import LARGEST_TOGETHER
from .schema import Schema, accepted

# The maximum characters of the schemas of all tools for constraining optional calls: llama.cpp takes seconds for more.
_LARGEST_BINDING = 100_000

# Characters of schemas that are read before the event loop runs other tasks: a few milliseconds.
_AT_ONCE = 20_000

# The maximum weight of all patterns in the schemas of all tools, and the weight that is compiled before the event loop
# runs other tasks.
_MOST_WEIGHT = 200_000
_WEIGHT_AT_ONCE = 10_000

_CUSTOM_INPUT: Json = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Tool:
    """``kind`` is ``function`` or ``custom``. For llama.cpp, a custom tool is a function with one text argument; with a
    ``grammar``, a call consists of the text only."""

    name: str
    kind: str
    schema: Schema
    grammar: Grammar | None
    strict: bool
    shown: Json  # in the form for the model's template

    @property
    def size(self) -> int:
        return self.schema.size if self.grammar is None else self.grammar.size

    @property
    def weight(self) -> int:
        """The weight of the patterns in its schemas."""
        return self.schema.weight if self.grammar is None else self.grammar.weight


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools that may be called. ``shown`` are all tools that the model's prompt describes.

    ``must``: the answer is nothing but a call. ``many``: several calls are allowed. ``functions``: the request uses
    ``functions``, and so does the answer.
    """

    callable: dict[str, Tool]
    shown: list[Json]
    must: bool
    many: bool
    functions: bool
    param: str

    @property
    def have_grammars(self) -> bool:
        return any(tool.grammar is not None for tool in self.callable.values())

    @property
    def are_large(self) -> bool:
        return sum(tool.schema.size for tool in self.callable.values()) > _LARGEST_BINDING

    @property
    def are_strict(self) -> bool:
        """Whether any tool requires that a call obeys all its constraints."""
        return any(tool.strict or tool.kind == "custom" for tool in self.callable.values())

    def only(self, name: str) -> Tools:
        """Return a copy with only this tool, which must be called once."""
        return dataclasses.replace(self, callable={name: self.callable[name]}, must=True, many=False)

    def payload(self) -> Json:
        """Return the fields of llama.cpp's request for tools whose calls llama.cpp parses. The template gets the tools
        unchanged; the parser gets schemas that llama.cpp can handle."""
        tools = []
        for tool in self.callable.values():
            parameters = {"type": "object"} if self.are_large else llama_schema.loose(tool.schema)
            tools.append({"type": "function", "function": {"name": tool.name, "parameters": parameters}})
        return {"tools": tools, "tool_choice": "auto", "parallel_tool_calls": self.many and not self.have_grammars}


async def tools_of(request: Json, *, most: int = LARGEST_TOGETHER) -> Tools | None:
    """Return the tools of a request; None: the model may call none. Their schemas and grammars may have ``most``
    characters together. While many are read, the event loop runs other tasks in between.

    Raises:
        BadRequest: a tool cannot be used.
    """
    if not (request.get("tools") or request.get("functions")):
        return None
    choice = ToolChoice.of(request)
    if choice.functions:
        tools = await _read_all(request["functions"], "functions", _read_function, most)
    else:
        tools = await _read_all(request.get("tools") or (), "tools", _read, most)
    by_name: dict[str, Tool] = {}
    for index, tool in enumerate(tools):
        if tool.name in by_name:
            where = f"functions[{index}].name" if choice.functions else f"tools[{index}].{tool.kind}.name"
            raise BadRequest("Another tool has the same name: give each its own.", param=where, code="invalid_value")
        by_name[tool.name] = tool
    if not choice.names:
        return None
    parallel = None if choice.functions else request.get("parallel_tool_calls")
    # Several calls are allowed if calls are optional, or if the request asks for them.
    many = not (choice.one or choice.functions) and (parallel is True if choice.must else parallel is not False)
    return Tools(
        {name: by_name[name] for name in choice.names},
        [tool.shown for tool in tools],
        choice.must,
        many,
        choice.functions,
        choice.param,
    )


async def _read_all(tools: Sequence[Json], param: str, read: Callable[[Json, str], Tool], most: int) -> list[Tool]:
    size = begun = weight = compiled = 0
    result: list[Tool] = []
    if sum(_has_grammar(tool) for tool in tools) > llama_grammar.MOST:
        raise BadRequest(
            f"At most {llama_grammar.MOST} tools may have a grammar.", param=param, code="array_above_max_length"
        )
    for index, tool in enumerate(tools):
        result.append(read(tool, f"{param}[{index}]"))
        size += result[-1].size
        weight += result[-1].weight
        if size - begun > _AT_ONCE or weight - compiled > _WEIGHT_AT_ONCE:
            begun, compiled = size, weight
            await asyncio.sleep(0)
        if weight > _MOST_WEIGHT:
            raise BadRequest(
                f"The patterns in the schemas of all {param} together may weigh at most {_MOST_WEIGHT}.",
                param=param,
                code="invalid_value",
            )
        if size > most:
            raise BadRequest(
                f"The schemas and grammars of all {param} together may be at most {most} characters long.",
                param=param,
                code="invalid_value",
            )
    return result


def _read(tool: Json, param: str) -> Tool:
    return (
        _read_custom(tool, param) if tool["type"] == "custom" else _read_function(tool["function"], f"{param}.function")
    )


def _has_grammar(tool: Json) -> bool:
    return ((tool.get("custom") or {}).get("format") or {}).get("type") == "grammar"


def _read_custom(tool: Json, param: str) -> Tool:
    custom = tool["custom"]
    form = custom.get("format") or {}
    description = custom.get("description") or ""
    grammar = None
    if form.get("type") == "grammar":
        syntax, definition = form["grammar"]["syntax"], form["grammar"]["definition"]
        grammar = llama_grammar.accepted(syntax, definition, f"{param}.custom.format.grammar.definition")
        kind = "Lark grammar" if syntax == "lark" else "regular expression"
        description = f"{description}\n\nThe input is text that obeys this {kind}:\n{definition}".strip()
    shown = {"name": custom["name"], "description": description, "parameters": _CUSTOM_INPUT}
    schema = accepted(_CUSTOM_INPUT, param)
    return Tool(custom["name"], "custom", schema, grammar, False, {"type": "function", "function": shown})


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
    return Tool(function["name"], "function", schema, None, strict, {"type": "function", "function": shown})
