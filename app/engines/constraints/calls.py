"""The calls in an answer of the model: converts its text, or llama.cpp's deltas, to the API's deltas."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from ...errors import ServerError
from ..base import CustomCall, Delta, FunctionCall, Message, TokenLogprob, ToolCall
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
    quoted: bool = False
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The arguments as JSON, or the text for a tool with a grammar."""
        text = "".join(self.pieces)
        grammar = self.tool.grammar
        if grammar is not None and self.quoted:
            return _input(text)
        if grammar is not None and not grammar.fits(text) and grammar.fits(text.strip()):
            # Text that a grammar ignores may also be between the call's name and its text.
            return text.strip()
        return text

    @property
    def input(self) -> str:
        """The text for a custom tool."""
        if self.tool.grammar is not None:
            return self.text
        return _input(self.text)

    @property
    def _is_text(self) -> bool:
        return self.tool.grammar is not None and not self.quoted

    def is_whole(self) -> bool:
        if self._is_text:
            return True
        try:
            return isinstance(llama_schema.read("".join(self.pieces)), dict)
        except (ValueError, RecursionError):
            return False

    def may_be_cut_off(self) -> bool:
        """Return whether this text seems to be the beginning of one that fits."""
        grammar = self.tool.grammar
        if grammar is None or self.quoted:
            return not self.is_whole()
        return not self.fits() and (grammar.begins(self.text) or grammar.begins(self.text.lstrip()))

    def fits(self) -> bool:
        grammar = self.tool.grammar
        return self.tool.schema.fits(self.text) if grammar is None else grammar.fits(self.text)


def _input(text: str) -> str:
    """Return the only argument of a custom tool, which is a function for llama.cpp."""
    value: object = None
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(text)
    found = value.get("input") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


class _TextSplitter:
    """Splits a streamed text into content and the text of calls."""

    def __init__(self, found: Found) -> None:
        self._marked = found is Found.AT_MARK
        self._held = ""
        self._calling = found is Found.EVERYWHERE

    def feed(self, text: str) -> str:
        """Add a piece of the text and return the content that can be sent."""
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
        """Return the content that is left to send, and the text of calls; None: there are none."""
        return ("", self._held) if self._calling else (self._held, None)


class CallReader:
    """Converts the deltas of an answer with calls to the API's form.

    ``may_stop``: the answer may end at a stop sequence; ``bound``: it was constrained to calls that fit; if it was not,
    text that is not a call is sent as content. ``quoted``: the texts for grammars are in JSON."""

    def __init__(self, tools: Tools, found: Found, *, may_stop: bool, bound: bool = True, quoted: bool = False) -> None:
        self._tools = tools
        self._quoted = quoted
        self._bound = bound and found is not Found.PARSED
        self._may_stop = may_stop
        self._splitter = _TextSplitter(found)
        self._calls: dict[int, _Call] = {}
        self._entries: list[TokenLogprob] = []

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """Yield the deltas for one of llama.cpp's.

        Raises:
            ServerError: the model called a tool that it may not call, or with arguments that violate their constraints.
        """
        calls, tools = self._calls, self._tools
        message, reason = delta.message, delta.finish_reason
        if reason is not None and reason != "length":
            reason = "stop"  # this class determines whether it ended because of its calls
        if delta.logprobs is not None:
            self._entries += delta.logprobs["content"] or ()
        fragments: Iterable[ToolCall] = message.pop("tool_calls", ())
        said, text = self._splitter.feed(message.pop("content", None) or ""), None
        if reason is not None:
            rest, text = self._splitter.end()
            said += rest
            if text is not None and self._bound:
                fragments = [call for call, _, _ in _split(text, tools, self._quoted)]
            elif text is not None:
                fragments, rest = _free_calls(text, tools)
                said += rest
        if said:
            message["content"] = said
        messages = [message] if message else []
        messages += [told for fragment in fragments for told in self._fragment(fragment)]
        if reason is not None:
            messages += _ends(calls, tools)
            if text is not None and self._bound and not calls and reason != "length" and not self._may_stop:
                raise ServerError("The model did not call a tool. Ask again.")
            if self._bound:
                reason = self._reason(reason)
        for told in messages:
            made = Delta(delta.index, told)
            if self._entries:
                made.logprobs, self._entries = {"content": self._entries, "refusal": None}, []
            yield made
        if reason is not None:
            if not self._bound:  # the deltas were already sent anyway, unless the answer came as a whole
                reason = self._reason(reason)
            yield Delta(delta.index, {}, reason)

    def _fragment(self, fragment: ToolCall) -> Iterator[Message]:
        """Yield what a fragment of a call from llama.cpp adds to the message."""
        calls, tools = self._calls, self._tools
        index, function = fragment.get("index", 0), fragment.get("function") or {}
        if index > 0 and not tools.many:
            return
        call = calls.get(index)
        if call is None:
            tool = tools.callable.get(function.get("name", ""))
            if tool is None:
                raise ServerError("The model called a tool that it was not given. Ask again.")
            call = calls[index] = _Call(tool, index, self._quoted)
            yield _first(call, tools)
        arguments = function.get("arguments") or ""
        if arguments:
            call.pieces.append(arguments)
            if call.tool.kind == "function":
                yield _more(call, arguments, tools)

    def _reason(self, reason: str) -> str:
        """Return why the answer ended, after checking that its calls are complete, and that they fit if they must."""
        for call in self._calls.values():
            if (self._may_stop or reason == "length") and call.may_be_cut_off():
                return reason
            must_fit = self._bound or call.tool.strict or call.tool.kind == "custom"
            if not (call.fits() if must_fit else call.is_whole()):
                raise ServerError("The model called a tool with arguments that do not fit. Ask again.")
        if not self._calls or reason == "length":
            return reason
        return "function_call" if self._tools.functions else "tool_calls"


def _split(text: str, tools: Tools, quoted: bool) -> Iterator[tuple[ToolCall, int, int]]:
    """Yield the calls in a text that is nothing but calls, in llama.cpp's form, with the begin and end of each. The
    last may be cut off."""
    place = max(text.find("{"), 0)
    for index in range(MOST_CALLS if tools.many else 1):
        opening = _OPENING.match(text, place)
        if opening is None:
            return
        begin = opening.end()
        tool = tools.callable.get(opening[1])
        if tool is None or (tool.grammar is not None and not quoted):
            end = len(text)
        else:
            try:
                _, end = llama_schema.read_first(text, begin)
            except (ValueError, RecursionError):
                end = len(text)
        yield {"index": index, "function": {"name": opening[1], "arguments": text[begin:end]}}, opening.start(), end
        place = text.find("{", end)
        if place < 0:
            return


# The text around calls that a model writes between marks.
_AROUND = re.compile(r"\s*\}?\s*(?:</?tool_call>\s*)*")


def _free_calls(text: str, tools: Tools) -> tuple[list[ToolCall], str]:
    """Return the calls in the text after a mark in an unconstrained answer, and the text that is left to send as
    content. If a call is incomplete, or of an unknown tool, there are no calls."""
    calls: list[ToolCall] = []
    said, place = "", 0
    for call, begin, end in _split(text, tools, quoted=False):
        function = call["function"]
        tool = tools.callable.get(function["name"])
        if tool is None or not _Call(tool, 0, pieces=[function["arguments"]]).is_whole():
            return [], f"{MARK}{text}"
        calls.append(call)
        said += _AROUND.sub("", text[place:begin], count=1)
        place = end
    rest = text[place:]
    around = _AROUND.match(rest)
    said += rest[around.end() :] if around else rest
    return calls, said if calls else f"{MARK}{text}"


def _first(call: _Call, tools: Tools) -> Message:
    name = call.tool.name
    function: FunctionCall = {"name": name, "arguments": ""}
    if tools.functions:
        return {"function_call": function}
    told: ToolCall = {"index": call.index, "id": f"call_{secrets.token_hex(12)}", "type": call.tool.kind}
    if call.tool.kind == "custom":
        told["custom"] = {"name": name, "input": ""}
    else:
        told["function"] = function
    return {"tool_calls": [told]}


def _more(call: _Call, text: str, tools: Tools) -> Message:
    if call.tool.kind == "custom":
        custom: CustomCall = {"input": text}
        return {"tool_calls": [{"index": call.index, "custom": custom}]}
    function: FunctionCall = {"arguments": text}
    return (
        {"function_call": function}
        if tools.functions
        else {"tool_calls": [{"index": call.index, "function": function}]}
    )


def _ends(calls: dict[int, _Call], tools: Tools) -> Iterator[Message]:
    """Yield the texts for custom tools, which are known only at the end."""
    for call in calls.values():
        text = call.input if call.tool.kind == "custom" else ""
        if text:
            yield _more(call, text, tools)
