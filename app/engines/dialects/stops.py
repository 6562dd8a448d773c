"""Ends an answer at a stop sequence, token by token.

llama.cpp holds back tokens while they may begin a stop sequence, and then returns them as one, with the log probability
of the last token. It also ends an answer at a stop sequence in its reasoning. Therefore some requests to it omit the
stop sequences. Other servers get them, but some generate past them anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..base import Delta, Message, TokenLogprob


@dataclass(frozen=True, slots=True)
class Token:
    """The text of one or more tokens, and the log probabilities that came with it."""

    text: str
    entries: list[TokenLogprob]


class StopCutter:
    """Holds back text that may begin a stop sequence; ``met``: one was found. ``logprobs``: they were requested."""

    def __init__(self, stops: Sequence[str], *, logprobs: bool = False) -> None:
        self._stops = stops
        self._logprobs = logprobs
        self._held: list[Token] = []
        self.met = False

    def feed(self, token: Token) -> list[Token]:
        """Return the tokens that can be passed on. A token that is cut keeps its entries."""
        self._held.append(token)
        whole = "".join(held.text for held in self._held)
        found = [place for place in (whole.find(stop) for stop in self._stops) if place >= 0]
        if found:
            self.met = True
            return self._release(min(found), whole_tokens=False)
        kept = max(
            (n for stop in self._stops for n in range(1, min(len(stop), len(whole) + 1)) if whole.endswith(stop[:n])),
            default=0,
        )
        return self._release(len(whole) - kept, whole_tokens=True)

    def rest(self) -> list[Token]:
        """Return the tokens that are still held back when the text has ended by itself."""
        held, self._held = self._held, []
        return held

    def cut(self, delta: Delta) -> list[Delta]:
        """Split a delta into those that can be passed on: one for each token, and one for the end."""
        message = delta.message
        text = message.pop("content", None) or ""
        entries = (delta.logprobs or {"content": None})["content"] or []
        free = self.feed(Token(text, entries)) if text else []
        if delta.finish_reason is not None and not self.met:
            free += self.rest()
        cut = [self._delta(delta.index, message, [])] if message else []
        cut += [self._delta(delta.index, {"content": token.text}, token.entries) for token in free]
        if self.met or delta.finish_reason is not None:
            cut.append(Delta(delta.index, {}, "stop" if self.met else delta.finish_reason))
        return cut

    def _delta(self, index: int, message: Message, entries: list[TokenLogprob]) -> Delta:
        return Delta(index, message, None, {"content": entries, "refusal": None} if self._logprobs else None)

    def _release(self, length: int, *, whole_tokens: bool) -> list[Token]:
        free: list[Token] = []
        while self._held and length >= (len(self._held[0].text) if whole_tokens else 1):
            token = self._held.pop(0)
            free.append(Token(token.text[:length], token.entries))
            length -= len(token.text)
        return free
