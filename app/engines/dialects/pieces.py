"""Cuts the text of a choice where it had to end: at a stop sequence, or after the last allowed token."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from ..asked import Asked
from ..base import Delta, Logprobs, Message, TokenLogprob
from .stops import StopCutter, Token


class Cutter:
    """Pass the deltas of one choice through `cut`. ``reason`` is the finish reason if the choice was cut before the
    upstream ended it: later deltas are not part of the answer. Tokens are visible only with log probabilities."""

    def __init__(self, asked: Asked) -> None:
        self.reason: str | None = None
        self._stops = StopCutter(asked.stops) if asked.stops else None
        self._left = asked.limit if asked.alternatives is not None else None
        self._idle = self._stops is None and self._left is None

    def cut(self, delta: Delta) -> Iterator[Delta]:
        """Yield the part of a delta that may be passed on, token by token if each may be the last."""
        if self._idle:
            yield delta
            return
        message = cast(dict[str, Any], delta.message)
        logprobs = cast(dict[str, Any], delta.logprobs or {})
        text = message.get("content") or ""
        entries = logprobs.get("content") if isinstance(logprobs, dict) else None
        entries = entries if isinstance(entries, list) else []
        if not isinstance(text, str) or not (text or delta.finish_reason):
            yield delta
            return
        free = list(self._feed(_tokens(text, entries)) if text else ())
        if self.reason is None and delta.finish_reason is not None and self._stops is not None:
            free += self._stops.rest()
        if self.reason is None and free == [Token(text, entries)]:
            yield delta
            return
        # Calls after the end are not part of the answer.
        members = ("content", "tool_calls", "function_call") if self.reason else ("content",)
        first = cast(Message, {name: value for name, value in message.items() if name not in members})
        if first:
            yield Delta(delta.index, first)
        for token in free:
            told: Logprobs | None = {"content": token.entries, "refusal": None} if token.entries else None
            yield Delta(delta.index, {"content": token.text}, None, told)
        reason = self.reason or delta.finish_reason
        if reason is not None:
            yield Delta(delta.index, {}, reason)

    def _feed(self, tokens: list[Token]) -> Iterator[Token]:
        for token in tokens:
            if self._left is not None and token.text and len(token.entries) == 1:
                if not self._left:
                    self.reason = "length"
                    yield from self._stops.rest() if self._stops is not None else ()
                    return
                self._left -= 1
            if self._stops is None:
                yield token
                continue
            yield from self._stops.feed(token)
            if self._stops.met:
                self.reason = "stop"
                return


def part_of(logprobs: Logprobs | None, deltas: Iterable[Delta]) -> Logprobs | None:
    """Return the log probabilities of a choice that was cut to some deltas."""
    if logprobs is None:
        return None
    kept = [entry for delta in deltas if delta.logprobs is not None for entry in delta.logprobs["content"] or ()]
    return {**logprobs, "content": kept}


def _tokens(text: str, entries: list[TokenLogprob]) -> list[Token]:
    """Split a text into its tokens if its log probabilities show them; else return it as one."""
    texts = [entry.get("token") if isinstance(entry, dict) else None for entry in entries]
    if len(texts) < 2 or any(not isinstance(token, str) for token in texts):
        return [Token(text, entries)]
    words = cast(list[str], texts)
    if "".join(words) != text:
        return [Token(text, entries)]
    return [Token(word, [entry]) for word, entry in zip(words, entries, strict=True)]
