"""Converts the chunks of a completion to the events of a response's stream: a state machine without I/O.

    created, in_progress
      reasoning, a message, calls: each is an item that is added, filled by deltas, and done
    completed, incomplete or failed

Reasoning and messages are sequential: the next item ends the previous one. Calls are distinguished by their index and
may be filled concurrently; they end together.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..chat.completion import padding
from ..errors import ApiError, BadRequest, RateLimited
from ..jsontypes import Json
from .namespaces import called
from .output import (
    custom_call,
    finished,
    frame,
    function_call,
    identity,
    log_prob,
    output_text,
    reasoning,
    said,
)
from .request import Asked


@dataclass(slots=True)
class _Part:
    """A part of a message that is being filled: ``output_text`` or ``refusal``."""

    kind: str
    text: list[str] = field(default_factory=list)
    logprobs: list[Json] = field(default_factory=list)

    def whole(self, *, empty: bool = False) -> Json:
        """The part so far; ``empty``: as it was at its beginning."""
        text = "" if empty else "".join(self.text)
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return output_text(text, [] if empty else self.logprobs)


@dataclass(slots=True)
class _Item:
    """An item that is being filled. ``kind`` is ``reasoning``, ``message``, ``function`` or ``custom``; ``tool`` has
    the item's fields that name the called tool."""

    kind: str
    id: str
    index: int
    call_id: str = ""
    tool: Json = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    parts: list[_Part] = field(default_factory=list)

    def whole(self, status: str) -> Json:
        """The item so far."""
        begun = status == "in_progress"
        text = "".join(self.text)
        if self.kind == "reasoning":
            return reasoning(self.id, None if begun else text, status)
        if self.kind == "message":
            return said(self.id, [] if begun else [part.whole() for part in self.parts], status)
        make = function_call if self.kind == "function" else custom_call
        return make(self.id, self.call_id, self.tool, "" if begun else text, status)


_PREFIXES = {"reasoning": "rs", "message": "msg", "function": "fc", "custom": "ctc"}
_CALLS = {
    "function": ("response.function_call_arguments", "arguments"),
    "custom": ("response.custom_tool_call_input", "input"),
}


class ResponseWriter:
    """Writes the events of one response: pass each chunk of the completion to `feed`, and call `end` or `fail` after
    the last. ``begun``: events have been created. ``sent`` is how many of them have been sent; the sender updates
    it."""

    def __init__(self, asked: Asked) -> None:
        self.begun = False
        self.sent = 0
        self._asked = asked
        self._obfuscate = bool(asked.body.get("stream_options", {}).get("include_obfuscation"))
        self._response: Json = {}
        self._number = 0
        self._items = 0
        self._done: dict[int, Json] = {}
        self._open: _Item | None = None
        self._calls: dict[int, _Item] = {}
        self._reason: str | None = None
        self._usage: Mapping[str, Any] | None = None

    def feed(self, chunk: Json) -> list[Json]:
        """The events for the next chunk."""
        return [*self._feed(chunk)]

    def end(self) -> list[Json]:
        """The last events of a finished answer."""
        return [*self._end()]

    def fail(self, error: ApiError) -> list[Json]:
        """Two candidates for the last event of an answer that fails after its beginning: one with the items completed
        so far, one without them. Their number follows that of the last event sent."""
        if not self.begun:
            return []
        code = "server_error"
        if isinstance(error, RateLimited):
            code = "rate_limit_exceeded"
        elif isinstance(error, BadRequest):
            code = "invalid_prompt"
        failed = {**self._response, "status": "failed", "error": {"code": code, "message": error.message}}
        event = {"type": "response.failed", "sequence_number": self.sent}
        return [{**event, "response": {**failed, "output": output}} for output in (self._output(), [])]

    def _event(self, kind: str, **fields: Any) -> Json:
        event = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        if self._obfuscate and "delta" in fields:
            event["obfuscation"] = padding(len(fields["delta"]))
        return event

    def _feed(self, chunk: Json) -> Iterator[Json]:
        if not self.begun:
            self.begun = True
            self._response = frame(self._asked, chunk)
            yield self._event("response.created", response=self._response)
            yield self._event("response.in_progress", response=self._response)
        # An engine may report it late.
        self._response = {**self._response, "service_tier": chunk.get("service_tier")}
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk["choices"]:
            delta = choice["delta"]
            if thoughts := delta.get("reasoning_content"):
                yield from self._think(thoughts)
            if content := delta.get("content"):
                told = [log_prob(token) for token in (choice.get("logprobs") or {}).get("content") or ()]
                yield from self._say("output_text", content, told)
            if refusal := delta.get("refusal"):
                yield from self._say("refusal", refusal, [])
            for call in delta.get("tool_calls") or ():
                yield from self._call(call)
            self._reason = choice["finish_reason"] or self._reason

    def _think(self, text: str) -> Iterator[Json]:
        if self._open is None or self._open.kind != "reasoning":
            yield from self._close()
            item = yield from self._add("reasoning")
            part = {"type": "reasoning_text", "text": ""}
            yield self._event("response.content_part.added", **_at(item, 0), part=part)
        item = self._current()
        item.text.append(text)
        yield self._event("response.reasoning_text.delta", **_at(item, 0), delta=text)

    def _say(self, kind: str, text: str, logprobs: list[Json]) -> Iterator[Json]:
        if self._open is None or self._open.kind != "message":
            yield from self._close()
            yield from self._add("message")
        item = self._current()
        if not item.parts or item.parts[-1].kind != kind:
            yield from self._close_part(item)
            item.parts.append(_Part(kind))
            part = item.parts[-1].whole(empty=True)
            yield self._event("response.content_part.added", **_at(item, len(item.parts) - 1), part=part)
        open_part = item.parts[-1]
        open_part.text.append(text)
        open_part.logprobs += logprobs
        place = _at(item, len(item.parts) - 1)
        if kind == "refusal":
            yield self._event("response.refusal.delta", **place, delta=text)
        else:
            yield self._event("response.output_text.delta", **place, delta=text, logprobs=logprobs)

    def _call(self, call: Json) -> Iterator[Json]:
        item = self._calls.get(call["index"])
        if item is None:
            kind = call["type"]
            yield from self._close_open()
            tool = called(call[kind]["name"], self._asked.namespaced)
            item = yield from self._add(kind, call_id=call["id"], tool=tool)
            self._calls[call["index"]] = item
            self._open = None
        event, field_name = _CALLS[item.kind]
        if text := call.get(item.kind, {}).get(field_name):
            item.text.append(text)
            yield self._event(f"{event}.delta", item_id=item.id, output_index=item.index, delta=text)

    def _add(self, kind: str, call_id: str = "", tool: Json | None = None) -> Generator[Json, None, _Item]:
        item = _Item(kind, identity(_PREFIXES[kind]), self._items, call_id, tool or {})
        self._items += 1
        self._open = item
        yield self._event("response.output_item.added", output_index=item.index, item=item.whole("in_progress"))
        return item

    def _current(self) -> _Item:
        assert self._open is not None
        return self._open

    def _close(self, status: str = "completed") -> Iterator[Json]:
        """End all open items; ``status`` is the status of the last one."""
        calls = [*self._calls.values()]
        yield from self._close_open("completed" if calls else status)
        for item in calls:
            event, field_name = _CALLS[item.kind]
            fields = {"name": item.tool["name"]} if item.kind == "function" else {}
            place = {"item_id": item.id, "output_index": item.index}
            yield self._event(f"{event}.done", **place, **fields, **{field_name: "".join(item.text)})
            yield self._finish(item, status if item is calls[-1] else "completed")
        self._calls.clear()

    def _close_open(self, status: str = "completed") -> Iterator[Json]:
        """End the open reasoning or message item."""
        item, self._open = self._open, None
        if item is None:
            return
        if item.kind == "reasoning":
            text = "".join(item.text)
            part = {"type": "reasoning_text", "text": text}
            yield self._event("response.reasoning_text.done", **_at(item, 0), text=text)
            yield self._event("response.content_part.done", **_at(item, 0), part=part)
        else:
            yield from self._close_part(item)
        yield self._finish(item, status)

    def _close_part(self, item: _Item) -> Iterator[Json]:
        if not item.parts:
            return
        part, place = item.parts[-1], _at(item, len(item.parts) - 1)
        whole = part.whole()
        if part.kind == "refusal":
            yield self._event("response.refusal.done", **place, refusal=whole["refusal"])
        else:
            yield self._event("response.output_text.done", **place, text=whole["text"], logprobs=part.logprobs)
        yield self._event("response.content_part.done", **place, part=whole)

    def _finish(self, item: _Item, status: str) -> Json:
        self._done[item.index] = item.whole(status)
        return self._event("response.output_item.done", output_index=item.index, item=self._done[item.index])

    def _output(self) -> list[Json]:
        return [self._done[index] for index in sorted(self._done)]

    def _end(self) -> Iterator[Json]:
        made = finished(self._response, self._reason, self._usage)
        if not self._calls and (self._open is None or self._open.kind == "reasoning") and not self._said():
            # An empty answer still needs a message item.
            yield from self._say_nothing()
        yield from self._close("incomplete" if made["status"] == "incomplete" else "completed")
        made["output"] = self._output()
        yield self._event(f"response.{made['status']}", response=made)

    def _said(self) -> bool:
        """Whether there is an item other than reasoning."""
        return any(item["type"] != "reasoning" for item in self._done.values())

    def _say_nothing(self) -> Iterator[Json]:
        yield from self._close()
        item = yield from self._add("message")
        item.parts.append(_Part("output_text"))
        yield self._event("response.content_part.added", **_at(item, 0), part=item.parts[0].whole())


def _at(item: _Item, part: int) -> Json:
    return {"item_id": item.id, "output_index": item.index, "content_index": part}
