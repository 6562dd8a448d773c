"""Answers as text, without llama.cpp's parser: how they are requested, and what is sent of them. This module does no
I/O."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...jsontypes import Json
from ..base import Delta, StreamItem, Usage

# Fields that only a chat request has.
_OF_CHATS = frozenset(
    {"messages", "chat_template_kwargs", "reasoning_effort", "reasoning_format", "thinking_budget_tokens"}
    | {"tools", "tool_choice", "parallel_tool_calls", "logprobs", "top_logprobs"}
)

# The fields that llama.cpp returns at the end of a text. Without this list it repeats the prompt there.
TOLD = ["content", "stop", "stop_type", "timings"]


def as_text(payload: Json, prompt: str) -> Json:
    """Return a chat request as a request for a text completion of ``prompt``."""
    media = _media(payload["messages"])
    text = {name: value for name, value in payload.items() if name not in _OF_CHATS}
    text["prompt"] = {"prompt_string": prompt, "multimodal_data": media} if media else prompt
    if payload.get("logprobs"):
        text["n_probs"] = payload["top_logprobs"]
    text["response_fields"] = TOLD
    return text


def _media(messages: list[Json]) -> list[str]:
    """Return the images and audio of messages in base64, in their order."""
    found: list[str] = []
    for message in messages:
        for part in message["content"] if isinstance(message.get("content"), list) else ():
            if part["type"] == "image_url":
                found.append(part["image_url"]["url"].partition(",")[2])
            elif part["type"] == "input_audio":
                found.append(part["input_audio"]["data"])
    return found


@dataclass(slots=True)
class Thoughts:
    """Thoughts that follow a prompt, as they are streamed. ``text`` is all of them so far; ``usage`` is set when they
    are complete. White space at their end is not sent."""

    prompt: str
    text: str = ""
    usage: Usage | None = None
    _held: str = ""

    def feed(self, item: StreamItem) -> Iterator[Delta]:
        """Yield the deltas with thoughts for an item of the text."""
        if isinstance(item, dict):
            self.usage = item.get("usage", self.usage)
            return
        piece = self._held + (item.message.get("content") or "")
        told = piece.rstrip()
        self._held = piece[len(told) :]
        self.text += told
        if told:
            yield Delta(item.index, {"reasoning_content": told})


@dataclass(slots=True)
class Remainder:
    """The part of an answer's text that is left to send when llama.cpp's parser failed in the middle: what follows
    everything that was sent. The sent pieces are searched in the text one by one, because there are marks between
    them."""

    _told: deque[str] = field(default_factory=deque)
    _calls: dict[int, str] = field(default_factory=dict)
    _text: str = ""

    def tell(self, item: StreamItem) -> None:
        """Record that an item was sent."""
        if isinstance(item, dict):
            return
        for call in item.message.get("tool_calls", ()):
            index = call.get("index", 0)
            self._calls[index] = self._calls.get(index, "") + (call.get("function") or {}).get("arguments", "")
        for name in ("reasoning_content", "content"):
            text = item.message.get(name)
            if isinstance(text, str) and text:
                self._told.append(text)

    def untold(self, item: StreamItem) -> Iterator[StreamItem]:
        """Yield what is left to send of an item of the text."""
        if isinstance(item, dict) or not (self._told or self._calls):
            yield item
            return
        if self._calls:
            # Calls were begun, so nothing else follows in the answer.
            if item.finish_reason is not None:
                yield Delta(item.index, {}, "stop" if all(map(_is_whole, self._calls.values())) else "length")
            return
        self._text += item.message.pop("content", None) or ""
        while self._told and (place := self._text.find(self._told[0])) >= 0:
            self._text = self._text[place + len(self._told.popleft()) :]
        if self._text and (not self._told or item.finish_reason is not None):
            yield Delta(item.index, {"content": self._text})
            self._text = ""
        if item.finish_reason is not None:
            yield Delta(item.index, {}, item.finish_reason)


def _is_whole(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except (ValueError, RecursionError):
        return False
    return True
