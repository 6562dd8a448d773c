"""What handlers answer with when a body alone does not say enough."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..contract.sequences import EVENTS
from ..errors import ApiError
from ..jsontypes import Json


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event with more than its data, which is a text or is written as JSON."""

    data: object
    event: str | None = None
    id: str | None = None
    retry: int | None = None

    def fields(self) -> Json:
        """The fields that are there, by their names."""
        named = {"data": self.data, "event": self.event, "id": self.id, "retry": self.retry}
        return {name: value for name, value in named.items() if name == "data" or value is not None}


@dataclass(slots=True)
class Reply:
    """A whole answer. A body that is an object or an array is sent as JSON and checked against the document, as the
    media type ``application/json``, ``media_type`` or the one among the headers; so is any body for which
    ``media_type`` names JSON. With a media type of a sequence a list is sent item by item. Text and bytes are sent as
    they are. ``foreign``: another server made it, whose fault it is when it does not fit."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str | None = None
    foreign: bool = False


@dataclass(slots=True)
class Stream:
    """An answer as server-sent events, each an object or an `Event` that is checked against the document; ``[DONE]`` is
    added if ``done``. With another ``media_type`` of a sequence, such as ``application/jsonl``, its items are JSON.

    The iterator is closed when the client goes. What it raises before its first event becomes an HTTP error,
    afterwards an error event; so does an event that breaks the contract. ``failed`` gives what the operation has for
    that event, of several the fullest first: the first one that fits the document is sent, and an error event as of any
    stream if none does. ``headers`` may be a function, which is called when they are sent: once the first event
    is there, or has been waited for so long that the answer begins without it. ``named``: each event bears the name
    that its ``type`` says. ``foreign`` is as in `Reply`.
    """

    events: AsyncIterator[Any]
    headers: Mapping[str, str] | Callable[[], Mapping[str, str]] = field(default_factory=dict)
    named: bool = False
    done: bool = True
    foreign: bool = False
    failed: Callable[[ApiError], Iterable[Json]] | None = None
    media_type: str = EVENTS
