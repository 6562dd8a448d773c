"""Tools, and which of them must, may or must not be called. Their arguments have only one allowed value, which no model
would choose by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...jsontypes import Json
from ..answers import arguments, called, calls, count, finish, message, parsed
from ..probe import Answers, Probe, Role, Step, step
from ..values import get
from ..verdicts import Verdict, broken, honoured, ignored, not_seen
from .formats import SCHEMA

GROUP = "tools"
PROMPT = "Call the tools zyr_lookup and vex_count, both of them."
TOKENS = 256
_LOOKUP = ("zyr_lookup", {"type": "object", "properties": {"zyr": SCHEMA["properties"]["zyr"]}, "required": ["zyr"]})
_COUNT = ("vex_count", {"type": "object", "properties": {"vex": SCHEMA["properties"]["vex"]}, "required": ["vex"]})
_WANTED = {"zyr_lookup": {"zyr": "qixotl"}, "vex_count": {"vex": 4711}}
NAMES = frozenset(_WANTED)


def _function(tool: tuple[str, Json], **more: Any) -> Json:
    name, schema = tool
    return {"name": name, "parameters": {**schema, "additionalProperties": False}, **more}


def functions(**more: Any) -> list[Json]:
    """Both tools as functions."""
    return [{"type": "function", "function": _function(tool, **more)} for tool in (_LOOKUP, _COUNT)]


def _named(kind: str, name: str) -> Json:
    return {"type": kind, kind: {"name": name}}


def _call(name: str, *, role: Role = "asked", turn: int = 0, prompt: str = PROMPT, **fields: Any) -> Step:
    return step(name, prompt, TOKENS, role=role, turn=turn, **{"tools": functions(), **fields})


def _no_call(answers: Answers, name: str) -> Verdict:
    if finish(answers[name]) == "length":
        return not_seen("the answer did not end in time")
    return ignored("no call came, where one must")


def _must(allowed: frozenset[str]) -> Callable[[Answers], Verdict]:
    """A judge: whether every answer calls one of the allowed tools, with the arguments that the schema allows."""

    def judge(answers: Answers) -> Verdict:
        made = []
        for name in ("whole", "streamed"):
            if name not in answers:
                continue
            found = calls(answers[name])
            if not found:
                return _no_call(answers, name)
            for call in found:
                if called(call) not in allowed:
                    return ignored(f"a call of {called(call)!r} came, which was not to be called")
                if not get(call, "id"):
                    return broken("a call without an id")
                if not isinstance(arguments(call), dict):
                    return broken(f"the arguments of a call are no JSON object: {get(call, 'function', 'arguments')!r}")
            made += [called(call) for call in found]
        return honoured(f"called: {', '.join(sorted(set(map(str, made))))}")

    return judge


def bound(answers: Answers) -> Verdict:
    """Whether the arguments are valid under the schema."""
    found = calls(answers["whole"])
    if not found:
        return _no_call(answers, "whole")
    wrong = [call for call in found if arguments(call) != _WANTED.get(str(called(call)))]
    if wrong:
        return ignored(f"arguments that the schema does not allow: {get(wrong[0], 'function', 'arguments')!r}")
    return honoured("the arguments are the one thing that the schema allows")


def bound_if_at_all(answers: Answers) -> Verdict:
    """As `bound`, for requests that do not require valid arguments."""
    found = bound(answers)
    if found.fate == "ignored" and calls(answers["whole"]):
        return not_seen("the call has other arguments than the schema allows, to which nothing binds them here")
    return found


def _tools(answers: Answers) -> Verdict:
    for name in ("required", "auto"):
        if name in answers and calls(answers[name]):
            return honoured(f"a call of {called(calls(answers[name])[0])}")
    before, after = (count(answers[name], "prompt_tokens") for name in ("reference", "auto"))
    if before is not None and after is not None and after > before:
        return honoured(f"the model reads {after - before} more tokens, and makes no call")
    if before is not None and after is not None:
        return ignored("no call, and no token more is read")
    return not_seen("no call")


def _auto(answers: Answers) -> Verdict:
    if calls(answers["auto"]):
        return honoured("the model made a call by its own choice")
    return not_seen("the model made no call, as it may")


def _none(answers: Answers) -> Verdict:
    if calls(answers["none"]):
        return ignored("a call came, where none may")
    if "auto" in answers and calls(answers["auto"]):
        return honoured("no call, where one comes without it")
    return not_seen("no call, but none comes without it either")


def _parallel(answers: Answers) -> Verdict:
    alone, several = len(calls(answers["alone"])), len(calls(answers["several"]) if "several" in answers else ())
    if alone > 1:
        return ignored(f"{alone} calls came, where one may")
    if alone == 1 and several > 1:
        return honoured(f"one call, where {several} come without it")
    return not_seen("one call at most, but no more come without it either")


def _described(answers: Answers) -> Verdict:
    short, long = (count(answers[name], "prompt_tokens") for name in ("short", "long"))
    if short is not None and long is not None and long > short:
        return honoured(f"{long - short} more tokens are read with a longer one")
    return not_seen("no more tokens are read with a longer one")


# -- custom tools ------------------------------------------------------------------------------------------------


def custom(**more: Any) -> list[Json]:
    """A custom tool."""
    return [{"type": "custom", "custom": {"name": "zyr_note", **more}}]


GRAMMAR = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "zyr [0-9]{3}"}}


def _written(pattern: str) -> Callable[[Answers], Verdict]:
    def judge(answers: Answers) -> Verdict:
        found = calls(answers["whole"])
        if not found:
            return _no_call(answers, "whole")
        written = get(found[0], "custom", "input")
        if get(found[0], "type") != "custom" or not isinstance(written, str):
            return broken(f"the call has the type {get(found[0], 'type')!r} and no input")
        if re.fullmatch(pattern, written, re.DOTALL) is None:
            return ignored(f"an input that the grammar does not allow: {written[:40]!r}")
        return honoured(f"a call with the input {written[:40]!r}")

    return judge


def _custom_call(check: str, pattern: str, paths: str, parts: str = "", choice: Any = "required", **more: Any) -> Probe:
    return Probe(
        GROUP,
        check,
        (_call("whole", tools=custom(**more), tool_choice=choice),),
        _written(pattern),
        tuple(f"tools[].custom{path}".removesuffix(".") for path in paths.split())
        if choice == "required"
        else ("tool_choice.custom", "tool_choice.custom.name"),
        tuple(f"tools[].custom{path}" for path in parts.split()),
    )


# -- the older form ----------------------------------------------------------------------------------------------


def _function_call(answers: Answers) -> Verdict:
    found = message(answers["whole"]).get("function_call")
    if not isinstance(found, dict):
        return _no_call(answers, "whole")
    if found.get("name") != "vex_count":
        return ignored(f"a call of {found.get('name')!r} came")
    if parsed(found.get("arguments")) != _WANTED["vex_count"]:
        return not_seen("the call has other arguments than the schema allows, to which nothing binds them here")
    return honoured("the function was called that was named")


def _function_none(answers: Answers) -> Verdict:
    if message(answers["none"]).get("function_call"):
        return ignored("a call came, where none may")
    return not_seen("no call, as it may be by chance")


_OLD = [_function(tool, description="Looks up.") for tool in (_LOOKUP, _COUNT)]

PROBES = (
    Probe(
        GROUP,
        "",
        (
            _call("auto"),
            _call("required", role="aid", tool_choice="required"),
            step("reference", PROMPT, TOKENS, role="compare"),
            _call("nonsense", role="nonsense", tools="all"),
        ),
        _tools,
        ("tools", "tools[].type", "tools[].function", "tools[].function.name"),
    ),
    Probe(
        GROUP,
        "",
        (_call("whole", tool_choice=_named("function", "vex_count")),),
        bound_if_at_all,
        ("tools[].function.parameters",),
    ),
    Probe(
        GROUP,
        "",
        (_call("whole", tools=functions(strict=True), tool_choice=_named("function", "zyr_lookup")),),
        bound,
        ("tools[].function.strict",),
    ),
    Probe(
        GROUP,
        "",
        (
            _call("short", tools=functions(description="A zyr.")),
            _call("long", tools=functions(description="A zyr, " + "and a vex, " * 20)),
        ),
        _described,
        ("tools[].function.description",),
    ),
    Probe(
        GROUP,
        "required",
        (
            _call("whole", tool_choice="required"),
            _call("streamed", role="aid", tool_choice="required", stream=True),
        ),
        _must(NAMES),
        ("tool_choice",),
    ),
    Probe(GROUP, "auto", (_call("auto", tool_choice="auto"),), _auto, ("tool_choice",)),
    Probe(GROUP, "none", (_call("none", tool_choice="none"), _call("auto", role="aid")), _none, ("tool_choice",)),
    Probe(
        GROUP,
        "named",
        (
            _call("whole", tool_choice=_named("function", "vex_count")),
            _call("streamed", role="aid", tool_choice=_named("function", "vex_count"), stream=True),
        ),
        _must(frozenset({"vex_count"})),
        ("tool_choice.type", "tool_choice.function", "tool_choice.function.name"),
    ),
    Probe(
        GROUP,
        "allowed tools",
        (
            _call(
                "whole",
                tool_choice={
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "required", "tools": [_named("function", "vex_count")]},
                },
            ),
        ),
        _must(frozenset({"vex_count"})),
        ("tool_choice.allowed_tools", "tool_choice.allowed_tools.mode", "tool_choice.allowed_tools.tools"),
    ),
    Probe(
        GROUP,
        "",
        (
            _call("alone", tool_choice="required", parallel_tool_calls=False),
            _call("several", role="aid", tool_choice="required", parallel_tool_calls=True),
            _call("nonsense", role="nonsense", parallel_tool_calls="both"),
        ),
        _parallel,
        ("parallel_tool_calls",),
    ),
    _custom_call("", ".*", ". .name", ".description", description="Takes a note."),
    _custom_call("text", ".*", ".format .format.type", format={"type": "text"}),
    _custom_call(
        "grammar",
        "zyr [0-9]{3}",
        ".format .format.type .format.grammar .format.grammar.definition .format.grammar.syntax",
        format=GRAMMAR,
    ),
    _custom_call("custom", ".*", "", choice=_named("custom", "zyr_note")),
    Probe(
        GROUP,
        "",
        (
            step("whole", PROMPT, TOKENS, functions=_OLD, function_call={"name": "vex_count"}),
            step("nonsense", role="nonsense", functions="all"),
        ),
        _function_call,
        ("functions", "functions[].name", "functions[].parameters", "function_call", "function_call.name"),
        ("functions[].description",),
    ),
    Probe(
        GROUP,
        "none",
        (step("none", PROMPT, TOKENS, functions=_OLD, function_call="none"),),
        _function_none,
        ("function_call",),
    ),
)
