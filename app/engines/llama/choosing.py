"""Answers of which the model chooses the kind: a call of a tool, or an answer in a format, or words.

It chooses as it begins, with nothing but its calls bound. When what it chose needs to be bound otherwise, it is asked
again: a grammar of both kinds would not ask the model, but push it to the kind whose first token it likes better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..base import Delta, Message

T = TypeVar("T")


@dataclass(slots=True)
class Chooser(Generic[T]):
    """Watches the beginning of one answer. ``in_format`` is what to ask for instead when the model answers in words,
    and ``calls`` when it calls one of these tools; ``instead`` is what it came to. What a delta means is known once
    `watch` has seen it."""

    in_format: T | None
    calls: Mapping[str, T]
    instead: T | None = None
    _begun: bool = field(default=False)

    def watch(self, delta: Delta) -> bool:
        """Whether a delta is part of the answer: not so when there is an ``instead``, nor white space before words."""
        if self._begun:
            return True
        name = _called(delta.message)
        if name is not None:
            self.instead = self.calls.get(name)
        elif (delta.message.get("content") or "").strip() or delta.finish_reason:
            self.instead = self.in_format
        elif self.in_format is not None:
            return False  # nothing but white space yet
        self._begun = self.instead is None and (name is not None or self.in_format is not None)
        return self.instead is None


def _called(message: Message) -> str | None:
    """The name of the tool that a delta begins to call."""
    name = message.get("function_call", {}).get("name")
    for call in message.get("tool_calls", ()):
        name = (call["custom"] if "custom" in call else call["function"]).get("name")
    return name
