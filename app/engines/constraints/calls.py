"""The calls in an answer of the model, from its words or from llama.cpp's deltas to the API's."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ...errors import ServerError
from ..base import Json
from ..dialects.llama_cpp.logprobs import joined
from ..fragments import add_fragment
from . import schema as llama_schema
from .binding import MARK, MOST_CALLS
from .tools import Tool, Tools

_OPENING = re.compile(r'\s*\{\s*"name"\s*:\s*"([a-zA-Z0-9_-]{1,64})"\s*(?:,\s*"arguments"\s*:\s*|\}\n)')


class Found(Enum):
    """Where the calls are."""

    PARSED = "llama.cpp has found them"
    EVERYWHERE = "the answer is nothing but calls"
    AT_MARK = "from the mark on"


@dataclass(slots=True)
class _Call:
    tool: Tool
    index: int
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The arguments as JSON, or the text for a tool with a grammar."""
        text = "".join(self.pieces)
        grammar = self.tool.grammar
        if grammar is not None and not grammar.fits(text) and grammar.fits(text.strip()):
            # What a grammar ignores may stand between the call's name and its text as well.
            return text.strip()
        return text

    @property
    def input(self) -> str:
        """The text for a custom tool."""
        if self.tool.grammar is not None:
            return self.text
        value: Any = None
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(self.text)
        text = value.get("input") if isinstance(value, dict) else None
        return text if isinstance(text, str) else ""

    def is_whole(self) -> bool:
        if self.tool.grammar is not None:
            return True
        try:
            return isinstance(llama_schema.read(self.text), dict)
        except (ValueError, RecursionError):
            return False

    def may_be_cut_off(self) -> bool:
        """Whether there is a text that fits and begins with this one, or so it seems."""
        grammar = self.tool.grammar
        if grammar is None:
            return not self.is_whole()
        return not self.fits() and (grammar.begins(self.text) or grammar.begins(self.text.lstrip()))

    def fits(self) -> bool:
        grammar = self.tool.grammar
        return self.tool.schema.fits(self.text) if grammar is None else grammar.fits(self.text)


class _Reader:
    """Parts a text that comes in pieces into what is said and the text of calls."""

    def __init__(self, found: Found) -> None:
        self._marked = found is Found.AT_MARK
        self._held = ""
        self._calling = found is Found.EVERYWHERE

    def feed(self, text: str) -> str:
        """What can be said of the text so far."""
        self._held += text
        if self._calling:
            return ""
        place, kept = -1, 0
        if self._marked:
            place = self._held.find(MARK)
            kept = max((n for n in range(1, len(MARK)) if self._held.endswith(MARK[:n])), default=0)
        if place >= 0:
            said, self._held, self._calling = self._held[:place], self._held[place + len(MARK) :], True
        else:
            free = len(self._held) - kept
            said, self._held = self._held[:free], self._held[free:]
        return said

    def end(self) -> tuple[str, str | None]:
        """What is still to be said, and the text of calls; None: there are none."""
        return ("", self._held) if self._calling else (self._held, None)


async def called(
    pieces: AsyncGenerator[Json, None], tools: Tools, found: Found, *, may_stop: bool
) -> AsyncGenerator[Json, None]:
    """The pieces with calls in the API's form.

    Raises:
        ServerError: the model called what it cannot call, or with arguments that break what binds them.
    """
    entries: list[Json] = []
    calls: dict[int, _Call] = {}
    reader = _Reader(found)
    bound = found is not Found.PARSED
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            for choice in piece["choices"]:
                delta, reason = choice["delta"], choice["finish_reason"]
                entries += (choice.get("logprobs") or {}).get("content", ())
                fragments: Any = delta.pop("tool_calls", ())
                said, text = reader.feed(delta.pop("content", "")), None
                if reason is not None:
                    rest, text = reader.end()
                    said += rest
                    fragments = fragments if text is None else _split(text, tools)
                deltas = [{**delta, **({"content": said} if said else {})}] if delta or said else []
                deltas += [told for fragment in fragments for told in _fragment(fragment, calls, tools)]
                if reason is not None:
                    deltas += _ends(calls, tools)
                    if text is not None and not calls and reason != "length" and not may_stop:
                        raise ServerError("The model did not call a tool. Ask again.")
                    if bound:
                        reason = _reason(reason, calls, tools, bound=bound, may_stop=may_stop)
                for told in deltas:
                    answer: Json = {"index": choice["index"], "delta": told, "finish_reason": None}
                    if entries:
                        answer["logprobs"], entries = joined(entries), []
                    yield {"choices": [answer]}
                if reason is not None:
                    if not bound:  # the deltas went before anyway, but for an answer that came whole
                        reason = _reason(reason, calls, tools, bound=bound, may_stop=may_stop)
                    yield {"choices": [{"index": choice["index"], "delta": {}, "finish_reason": reason}]}
            if "usage" in piece:
                yield {"choices": [], "usage": piece["usage"]}


def _split(text: str, tools: Tools) -> Iterator[Json]:
    """The calls in a text that is nothing but calls, in llama.cpp's form; the last may be cut off."""
    place = max(text.find("{"), 0)
    for index in range(MOST_CALLS if tools.many else 1):
        opening = _OPENING.match(text, place)
        if opening is None:
            return
        begin = opening.end()
        tool = tools.callable.get(opening[1])
        if tool is None or tool.grammar is not None:
            end = len(text)
        else:
            try:
                _, end = llama_schema.read_first(text, begin)
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
        call.pieces.append(arguments)
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
        text = call.input if call.tool.kind == "custom" else ""
        if text:
            yield _more(call, text, tools)


def _reason(reason: str, calls: dict[int, _Call], tools: Tools, *, bound: bool, may_stop: bool) -> str:
    """Why the answer ended, once its calls are found to be whole and to fit where they must."""
    for call in calls.values():
        if (may_stop or reason == "length") and call.may_be_cut_off():
            return reason
        must_fit = bound or call.tool.strict or call.tool.kind == "custom"
        if not (call.fits() if must_fit else call.is_whole()):
            raise ServerError("The model called a tool with arguments that do not fit. Ask again.")
    if not calls or reason == "length":
        return reason
    return "function_call" if tools.old else "tool_calls"


def message_of(deltas: list[Json]) -> Json:
    """What deltas with calls add up to, as members of a message; nothing without calls."""
    calls: dict[int, Json] = {}
    old: Json = {}
    for delta in deltas:
        for name, value in (delta.get("function_call") or {}).items():
            old[name] = old.get(name, "") + value
        for fragment in delta.get("tool_calls") or ():
            add_fragment(calls, fragment)
    message: Json = {"tool_calls": [calls[index] for index in sorted(calls)]} if calls else {}
    return {**message, "function_call": old} if old else message
