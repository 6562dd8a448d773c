"""The constraint of a whole answer, as one grammar: JSON of a schema, tool calls, or words and calls.

A call is JSON, ``{"name": …, "arguments": …}``. For a tool with a grammar it is ``{"name": …}``, a newline, and its
text up to the end of the answer. In an answer with words, calls are between marks that many models are trained on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...errors import BadRequest
from ...jsontypes import Json
from .schema import Schema, as_rule
from .tools import Tool, Tools

# Calls in one answer, when several may be made.
MOST_CALLS = 16

MARK = "<tool_call>"
_AFTER_MARK = "\n"
_CLOSE = "\n</tool_call>"


@dataclass(frozen=True, slots=True)
class Binding:
    """Rules in LLGuidance's Lark; the first is ``answer``.

    ``param`` is the parameter that they come from, ``what`` says what kind of constraint that is. ``parts`` are the
    bindings that they consist of: if llama.cpp cannot obey, the cause is one of them, or all together. ``schema`` is
    the equivalent JSON schema, None if there is none."""

    rules: str
    param: str
    what: str = "schema"
    parts: tuple[Binding, ...] = ()
    schema: Json | None = None

    @property
    def grammar(self) -> str:
        return f"%llguidance {{}}\nstart: answer\n{self.rules}"

    def refuse(self) -> BadRequest:
        """Return the error for a binding that cannot be obeyed."""
        return BadRequest(
            f"The {self.what} cannot be used: nothing can fit it, it is too complex, or it has a pattern that the "
            "engine cannot obey.",
            param=self.param,
            code="invalid_value",
        )


def to_schema(schema: Schema) -> Binding:
    """Return the binding for an answer that is JSON and obeys a schema."""
    return Binding(f"answer: {as_rule(schema.body)}\n", schema.param, schema=schema.body)


def to_calls(tools: Tools, *, marked: bool = False) -> Binding:
    """Return the binding for an answer that is nothing but a call, or a list of calls if several are allowed.
    ``marked``: the calls are between marks, for a model that is trained on these."""
    if marked:
        return _together([f"{_quoted(MARK)} ({_marked(tools)})"], _definitions(tools), tools)
    json_calls, texts = _names(tools)
    answers = list(texts)
    if json_calls:
        calls = f"({' | '.join(json_calls)})"
        answers.append(f'"[" {calls} (", " {calls}){{0,{MOST_CALLS - 1}}} "]"' if tools.many else calls)
    return replace(_together(answers, _definitions(tools), tools), schema=_calls_schema(tools))


def _calls_schema(tools: Tools) -> Json | None:
    """As `to_calls`, as a schema. In it, the text for a grammar is a property of its call's arguments."""
    calls: list[Json] = []
    for tool in tools.callable.values():
        pattern = None if tool.grammar is None else tool.grammar.pattern
        # The $id makes references in the schema resolve within itself.
        arguments = {"$id": tool.name, **tool.schema.body}
        if tool.grammar is not None:
            if pattern is None:
                return None
            arguments = _object({"input": {"type": "string", "pattern": f"^(?:{pattern})$"}})
        calls.append(_object({"name": {"const": tool.name}, "arguments": arguments}))
    one = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_CALLS} if tools.many else one


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def to_words_or_calls(tools: Tools) -> Binding:
    """Return the binding for an answer that is any text, with or without calls between marks at its end."""
    words = f"head[lazy]: ANY {_quoted(MARK)}\nANY: /(?s:.*)/\n"
    return _together(["ANY", f"head ({_marked(tools)})"], _definitions(tools) + words, tools)


def _marked(tools: Tools) -> str:
    """Return the expression for what may follow the first mark."""
    json_calls, texts = _names(tools)
    ends = [f"{_quoted(_AFTER_MARK)} {text}" for text in texts]
    if json_calls:
        call = f"{_quoted(_AFTER_MARK)} ({' | '.join(json_calls)}) {_quoted(_CLOSE)}"
        more = f" ({_quoted(_AFTER_MARK + MARK)} {call}){{0,{MOST_CALLS - 1}}}" if tools.many else ""
        ends.append(call + more)
    return " | ".join(ends)


def _together(answers: list[str], definitions: str, tools: Tools) -> Binding:
    parts = tuple(_alone(tool) for tool in tools.callable.values())
    return Binding(f"answer: {' | '.join(answers)}\n{definitions}", tools.param, parts=parts)


def _alone(tool: Tool) -> Binding:
    if tool.grammar is None:
        return to_schema(tool.schema)
    return Binding(f"answer: x0_start\n{tool.grammar.rules('x0_')}", tool.grammar.param, "grammar")


def _names(tools: Tools) -> tuple[list[str], list[str]]:
    """Return the names of the rules for calls that are JSON, and of those for calls that end with a text."""
    json_calls: list[str] = []
    texts: list[str] = []
    for index, tool in enumerate(tools.callable.values()):
        (json_calls if tool.grammar is None else texts).append(f"call{index}")
    return json_calls, texts


def _definitions(tools: Tools) -> str:
    return "".join(line for index, tool in enumerate(tools.callable.values()) for line in _definition(index, tool))


def _definition(index: int, tool: Tool) -> Iterator[str]:
    # The common beginning of calls must be literal text: LLGuidance does not follow two schemas at once.
    name = f'{{"name": "{tool.name}"'
    if tool.grammar is None:
        opening = _quoted(f'{name}, "arguments": ')
        yield f'call{index}: {opening} {as_rule(tool.schema.body)} "}}"\n'
    else:
        opening = _quoted(f"{name}}}\n")
        yield f"call{index}: {opening} x{index}_start\n"
        yield tool.grammar.rules(f"x{index}_")


def _quoted(text: str) -> str:
    return json.dumps(text)
