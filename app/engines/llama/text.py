"""Answers as text, without llama.cpp's parser: how they are asked for, and what of them is told. There is no I/O in
here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...jsontypes import Json
from ..base import Delta, StreamItem, Usage

# What only a request for a chat has.
_OF_CHATS = frozenset(
    {"messages", "chat_template_kwargs", "reasoning_effort", "reasoning_format", "thinking_budget_tokens"}
    | {"tools", "tool_choice", "parallel_tool_calls", "logprobs", "top_logprobs"}
)

# What llama.cpp says at the end of a text; otherwise it repeats the prompt there.
_TOLD = ["content", "stop", "stop_type", "timings"]


def as_text(payload: Json, prompt: str) -> Json:
    """A request for what follows a prompt instead of one for a chat."""
    media = _media(payload["messages"])
    text = {name: value for name, value in payload.items() if name not in _OF_CHATS}
    text["prompt"] = {"prompt_string": prompt, "multimodal_data": media} if media else prompt
    if payload.get("logprobs"):
        text["n_probs"] = payload["top_logprobs"]
    text["response_fields"] = _TOLD
    return text


def _media(messages: list[Json]) -> list[str]:
    """The pictures and sounds of messages in base64, in their order."""
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
    """Thoughts that follow a prompt, as they come. ``text`` is all of them, ``usage`` what they took once all are
    there; white space at their end is not told."""

    prompt: str
    text: str = ""
    usage: Usage | None = None
    _held: str = ""

    def feed(self, item: StreamItem) -> Iterator[Delta]:
        """What an item of the text tells of the thoughts."""
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
    """What of an answer was told before its parser failed, and what is left to tell of its text: the end that follows
    the last of what was told, marks included."""

    _pieces: dict[str, str] = field(default_factory=dict)
    _called: bool = False
    _text: str = ""

    def tell(self, item: StreamItem) -> None:
        """An item was told."""
        if isinstance(item, dict):
            return
        self._called |= "tool_calls" in item.message
        for name in ("reasoning_content", "content"):
            text = item.message.get(name)
            if isinstance(text, str) and text:
                self._pieces[name] = self._pieces.get(name, "") + text

    def untold(self, item: StreamItem) -> Iterator[StreamItem]:
        """What is left to tell of an item of the text."""
        if isinstance(item, dict) or not (self._pieces or self._called):
            yield item
            return
        text = item.message.pop("content", None) or ""
        if self._called:  # it was understood as a call
            text = ""
        while text and self._pieces:
            self._text += text
            name, piece = next(iter(self._pieces.items()))
            place = self._text.find(piece)
            text = ""
            if place >= 0:
                text, self._text = self._text[place + len(piece) :], ""
                del self._pieces[name]
        if text:
            item.message["content"] = text
        if item.message or item.finish_reason is not None:
            item.logprobs = None
            yield item
