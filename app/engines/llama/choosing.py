"""Answers whose kind the model chooses: a tool call, an answer in a format, or words.

The model chooses when its answer begins; at that point only its calls are constrained. If the chosen kind needs another
constraint, the request is sent again. A grammar that allows both kinds would not let the model choose: it would push
the model to the kind whose first token is more probable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..base import Delta, Message

T = TypeVar("T")


@dataclass(slots=True)
class Chooser(Generic[T]):
    """Watches the beginning of one answer.

    ``in_format`` is the request to send instead if the model answers in words; ``calls`` has the request to send
    instead for each of these tools, if the model calls it. ``instead`` is the one that was chosen; it is known once
    `watch` has seen the delta that decides."""

    in_format: T | None
    calls: Mapping[str, T]
    instead: T | None = None
    _begun: bool = field(default=False)

    def watch(self, delta: Delta) -> bool:
        """Return whether a delta is part of the answer. It is not if there is an ``instead``, or if it is white space
        before the words."""
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
    """Return the name of the tool that a delta begins to call, or None."""
    name = message.get("function_call", {}).get("name")
    for call in message.get("tool_calls", ()):
        name = (call["custom"] if "custom" in call else call["function"]).get("name")
    return name
