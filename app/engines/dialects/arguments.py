"""Collects the calls of an answer, to check their arguments against the schemas that they must match."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import BadRequest
from ...jsontypes import Json
from ..base import Message
from ..constraints.schema import accepted, read

# The index of the single call of the deprecated kind, distinct from the indexes of the others.
OLD = -1

# Limits on a schema's characters and the weight of its patterns: checking blocks the event loop a few milliseconds.
_LARGEST = 20_000
_HEAVIEST = 10_000


class Call:
    """An incomplete call; ``kind`` is ``function`` or ``custom``."""

    def __init__(self) -> None:
        self.name = ""
        self.kind = "function"
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def add(self, fragment: Json) -> None:
        """Add a fragment of the call, ``{"function": {...}}`` or ``{"custom": {...}}``."""
        if "custom" in fragment:
            self.kind = "custom"
        body = fragment.get(self.kind) or {}
        self.name = str(body.get("name") or self.name)
        text = body.get("arguments")
        if isinstance(text, str):
            self._pieces.append(text)


def of(message: Message) -> Iterator[tuple[int, Json]]:
    """Yield the calls, or fragments of calls, in a message or a delta, with their indexes."""
    calls: Any = message.get("tool_calls")
    for place, call in enumerate(calls if isinstance(calls, list) else ()):
        yield call.get("index", place), call
    function: Any = message.get("function_call")
    if isinstance(function, dict):
        yield OLD, {"function": function}


def breaks(text: str, schema: Json) -> bool:
    """Whether JSON text certainly does not match a client's schema. The result is False, unknown, if the schema is too
    large, or has features that only the upstream supports."""
    try:
        found, value = accepted(schema, ""), read(text)
    except (BadRequest, ValueError, RecursionError):
        return False
    return found.size <= _LARGEST and found.weight <= _HEAVIEST and found.breaks(value)
