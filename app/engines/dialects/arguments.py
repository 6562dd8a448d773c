"""The calls of an answer, put together as far as their arguments are looked at, and schemas that these must obey."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import BadRequest
from ...jsontypes import Json
from ..base import Message
from ..constraints.schema import accepted, read

# The place of the one call of the deprecated kind, beside the indexes of the others.
OLD = -1

# Characters of a schema, and the weight of its patterns, that are read while others wait: a few milliseconds.
_LARGEST = 20_000
_HEAVIEST = 10_000


class Call:
    """A call so far; ``kind`` is ``function`` or ``custom``."""

    def __init__(self) -> None:
        self.name = ""
        self.kind = "function"
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def add(self, fragment: Json) -> None:
        """Take note of a part of it, ``{"function": {...}}`` or ``{"custom": {...}}``."""
        if "custom" in fragment:
            self.kind = "custom"
        body = fragment.get(self.kind) or {}
        self.name = str(body.get("name") or self.name)
        text = body.get("arguments")
        if isinstance(text, str):
            self._pieces.append(text)


def of(message: Message) -> Iterator[tuple[int, Json]]:
    """The calls in a message or a delta, or parts of such, by index."""
    calls: Any = message.get("tool_calls")
    for place, call in enumerate(calls if isinstance(calls, list) else ()):
        yield call.get("index", place), call
    function: Any = message.get("function_call")
    if isinstance(function, dict):
        yield OLD, {"function": function}


def breaks(text: str, schema: Json) -> bool:
    """Whether JSON text certainly does not obey a schema that a client sent. Of one that is large, or that has what
    only the upstream knows how to obey, it is not known."""
    try:
        found, value = accepted(schema, ""), read(text)
    except (BadRequest, ValueError, RecursionError):
        return False
    return found.size <= _LARGEST and found.weight <= _HEAVIEST and found.breaks(value)
