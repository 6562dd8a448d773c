"""Responses: the properties that only they have, and those that a chat has under other names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ...jsontypes import Json
from ..answers import finish, whole
from ..operations import RESPONSES
from ..probe import Answers, Probe, of, step
from ..readers.responses import ENDS
from ..values import get, members
from ..values import items as listed
from ..verdicts import Verdict, broken, honoured, ignored, not_seen
from . import choices, errors, formats, items, length, media, messages, sampling, service, state, streams, tools
from .service import HIDDEN, inside, invisible, nonsense

# -- tools that the server runs ----------------------------------------------------------------------------------

_HOSTED = ("message", "reasoning", "function_call", "custom_tool_call")


def _hosted(answers: Answers) -> Verdict:
    kinds = [str(get(item, "type")) for item in listed(whole(answers["searched"]), "output")]
    ran = [kind for kind in kinds if kind not in _HOSTED]
    if ran:
        return honoured(f"the server ran it: {', '.join(dict.fromkeys(ran))}")
    return ignored("a tool that the server must run is accepted, and it did not run")


def _tool(name: str, valid: Any) -> tuple[Probe, Probe]:
    """A property of a function, alone and in a namespace, with no visible effect."""

    def function(value: Any) -> list[Json]:
        return [{"type": "function", "name": "zyr_lookup", name: value}]

    def probe(at: str, asks: Callable[[Any], list[Json]]) -> Probe:
        steps = (step("set", tools=asks(valid)), step("nonsense", role="nonsense", tools=asks(7)))
        return Probe(tools.GROUP, "", steps, invisible(HIDDEN), (f"{at}.{name}",))

    return probe("tools[]", function), probe("tools[].tools[]", lambda value: _namespace(function(value)))


def _custom(probe: Probe) -> Probe:
    """A chat probe, made distinct because properties of custom tools and functions have the same names here."""
    if not any(".custom" in path for path in (*probe.paths, *probe.parts)):
        return probe
    return replace(probe, check=" ".join(filter(None, ("custom tool", probe.check))))


_SPACE = "zyr"


def _namespace(members: list[Json]) -> list[Json]:
    return [{"type": "namespace", "name": _SPACE, "description": "Zyrs.", "tools": members}]


def _namespaced(answers: Answers) -> Verdict:
    made = listed(whole(answers["called"]), "output")
    found = [item for item in made if get(item, "type") in ("function_call", "custom_tool_call")]
    if not found:
        if finish(answers["called"]) == "length":
            return not_seen("the answer did not end in time")
        return ignored("no call came, where one must")
    namespace, name = get(found[0], "namespace"), get(found[0], "name")
    if namespace != _SPACE or name not in {*tools.NAMES, "zyr_note"}:
        return broken(f"a call of {name!r} in the namespace {namespace!r}")
    return honoured(f"a call of {name}, and its namespace")


def _in_namespace(check: str, members: list[Json], paths: str, parts: str) -> Probe:
    asked = step("called", tools.PROMPT, tools.TOKENS, tools=_namespace(members), tool_choice="required")
    within = tuple(f"tools[].tools[].{name}" for name in parts.split())
    return Probe(tools.GROUP, check, (asked,), _namespaced, tuple(paths.split()), within)


_NAMESPACES = (
    _in_namespace(
        "namespace",
        tools.functions(description="A zyr.", strict=True),
        "tools[].tools tools[].tools[].type tools[].tools[].name",
        "description parameters strict",
    ),
    _in_namespace(
        "custom tool in a namespace",
        tools.custom(format=tools.GRAMMAR),
        "tools[].tools[].format",
        "format.type format.syntax format.definition",
    ),
)


# -- streams -----------------------------------------------------------------------------------------------------


def _order(answers: Answers) -> Verdict:
    """Whether events are numbered from 0, begin with the response, only fill items that were added, and end."""
    seen = answers["streamed"]
    if not seen.is_stream:
        return not_seen("there is no stream")
    kinds = [str(get(event, "type")) for event in seen.events]
    if kinds[0] != "response.created":
        return broken(f"the first event is {kinds[0]}")
    if kinds[-1] not in ENDS:
        return broken(f"the last event is {kinds[-1]}")
    numbers = [get(event, "sequence_number") for event in seen.events]
    if numbers != [*range(len(numbers))]:
        return broken(f"the sequence numbers are {', '.join(map(str, numbers[:4]))}, …")
    added: set[str] = set()
    ended: set[str] = set()
    for event, kind in zip(seen.events, kinds, strict=True):
        item = str(get(event, "item_id") or get(event, "item", "id") or "")
        if kind == "response.output_item.added":
            added.add(item)
        elif item and (item not in added or item in ended):
            return broken(f"{kind} of an item that {'has ended' if item in ended else 'was not added'}")
        if kind == "response.output_item.done":
            ended.add(item)
    if added != ended:
        return broken("an item that does not end")
    return honoured(f"{len(kinds)} events numbered from 0: the response, its items, their deltas and ends, its end")


def _filled(answers: Answers) -> Verdict:
    """Whether the joined deltas equal the text in the parts' done events and in the last event."""
    seen = answers["streamed"]
    if not seen.is_stream:
        return not_seen("there is no stream")
    filled = get(whole(seen), "choices", 0, "message", "content")
    done = "".join(
        str(get(event, "text")) for event in seen.events if get(event, "type") == "response.output_text.done"
    )
    told = RESPONSES.whole(members(seen.events[-1], "response"))
    last = get(told, "choices", 0, "message", "content")
    if filled != done:
        return broken("the deltas of a text are another one than its end has")
    return (
        honoured("deltas, ends and the last event have the same text")
        if last == done
        else broken("the last event has another text than the deltas")
    )


_STREAMED = (step("streamed", tokens=24, stream=True),)

_OWN = (
    *(
        inside(path, HIDDEN, valid)
        for path, valid in (
            ("reasoning.summary", "concise"),
            ("reasoning.generate_summary", "concise"),
            ("reasoning.context", "auto"),
            ("reasoning.mode", "standard"),
        )
    ),
    *_tool("output_schema", {"type": "object"}),
    *_tool("defer_loading", True),
    *_tool("allowed_callers", ["direct"]),
    *_NAMESPACES,
    Probe(
        tools.GROUP,
        "run by the server",
        (
            step(
                "searched",
                "What is in the news today?",
                128,
                tools=[{"type": "web_search_preview"}],
                tool_choice={"type": "web_search_preview"},
            ),
        ),
        _hosted,
        ("tools[].type", "tool_choice.type"),
    ),
    Probe(
        tools.GROUP,
        "",
        (step("set", max_tool_calls=1), nonsense(max_tool_calls="x")),
        invisible(HIDDEN),
        ("max_tool_calls",),
    ),
    Probe(streams.GROUP, "order of events", _STREAMED, _order),
    Probe(streams.GROUP, "deltas and ends have the same text", _STREAMED, _filled),
    Probe(
        service.GROUP,
        "",
        (step("set", client_metadata={"zyr": "vex"}), nonsense(client_metadata=7)),
        invisible(HIDDEN),
        ("client_metadata",),
    ),
)

_WRONG = (
    errors.field("no item", "input", input=[]),
    errors.field("an unknown role", "input[].role", input=[{"role": "qixotl", "content": "Hello!"}]),
    errors.field("an unknown kind of item", "input[].type", input=[{"type": "qixotl"}]),
    errors.field("a message without content", "input[].content", input=[{"role": "user"}]),
)

_LIMIT, _CUT_SHORT = length.limit("max_output_tokens", RESPONSES.fewest, "Count from one to a hundred in words.", 48)
_LIMITS = (_LIMIT, replace(_CUT_SHORT, check="status of an answer cut short"))
# Properties that have a single name in a chat, or another meaning here.
_OTHERS = {
    messages.RESULT: ("output of a tool", ("input[].type", "input[].output"), ("input[].call_id",)),
    messages.THOUGHTS: ("thoughts", ("input[].content",), ()),
    formats.SCHEMAS: (
        "",
        ("text", "text.format", "text.format.type", "text.format.schema"),
        ("text.format.name",),
    ),
    service.EFFORT: ("", ("reasoning", "reasoning.effort"), ()),
    streams.PADDED: ("", ("stream_options", "stream_options.include_obfuscation"), ()),
}


def _said_otherwise(probe: Probe) -> Iterable[Probe]:
    if probe in _OTHERS:
        check, paths, parts = _OTHERS[probe]
        return [replace(probe, operation=RESPONSES, check=check, paths=paths, parts=parts)]
    return of(RESPONSES, _custom(probe))


_CHATS = (
    *messages.PROBES,
    *sampling.PROBES,
    choices.LOGPROBS,
    choices.ALTERNATIVES,
    *formats.PROBES,
    *tools.PROBES,
    *(streams.STREAM, streams.SAME, streams.PADDED),
    *media.PROBES,
    *service.PROBES,
    errors.USAGE,
)

PROBES: tuple[Probe, ...] = (
    *(each for probe in _CHATS for each in _said_otherwise(probe)),
    *(replace(probe, operation=RESPONSES) for probe in (*_LIMITS, *_OWN, *items.PROBES, *state.PROBES, *_WRONG)),
    *errors.common(RESPONSES),
)
