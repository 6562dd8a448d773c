"""The types that handlers return when a body alone is not enough."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..contract.sequences import EVENTS
from ..errors import ApiError
from ..jsontypes import Json


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event with more fields than its data. Data that is not a text is written as JSON."""

    data: object
    event: str | None = None
    id: str | None = None
    retry: int | None = None

    def fields(self) -> Json:
        """Return the fields that are set, by name; ``data`` is always among them."""
        named = {"data": self.data, "event": self.event, "id": self.id, "retry": self.retry}
        return {name: value for name, value in named.items() if name == "data" or value is not None}


# Status, headers and body of an answer as it is sent, and what makes them.
Encoded = tuple[int, list[tuple[bytes, bytes]], bytes]
Encode = Callable[[], Encoded]


@dataclass(slots=True)
class Reply:
    """A whole answer. An object or an array is sent as JSON and validated against the document. Its media type is
    ``media_type``, else the one in the headers, else ``application/json``. Any other body is treated likewise if
    ``media_type`` is a JSON type. With a media type for sequences, a list is sent item by item. Text and bytes are sent
    as they are. ``foreign``: another server made the answer, and is at fault if it does not fit. ``finish``: for an
    ``async def`` handler, it gets what encodes the answer, and returns it when it may be sent; an error that it raises
    is sent instead. ``stored`` is the id of what the answer is stored as."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str | None = None
    foreign: bool = False
    finish: Callable[[Encode], Awaitable[Encoded]] | None = None
    stored: str | None = None


@dataclass(slots=True)
class Stream:
    """An answer as server-sent events. Each is an object or an `Event`, and is validated against the document; ``done``
    adds ``[DONE]``. With another ``media_type`` for sequences, such as ``application/jsonl``, its items are JSON.

    The iterator is closed when the client disconnects. An exception that it raises before its first event becomes an
    HTTP error, a later one an error event; so does an event that breaks the contract. ``failed`` returns the
    operation's own candidates for the error event, the most complete one first: the first one that fits the document is
    sent, or the usual error event if none does. ``headers`` may be a function, which is called when they are sent: once
    the first event has arrived, or when the wait for it is so long that the answer begins without it. ``named``: the
    ``type`` of each event is its name. ``foreign`` is as in `Reply`.
    """

    events: AsyncIterator[Any]
    headers: Mapping[str, str] | Callable[[], Mapping[str, str]] = field(default_factory=dict)
    named: bool = False
    done: bool = True
    foreign: bool = False
    failed: Callable[[ApiError], Iterable[Json]] | None = None
    media_type: str = EVENTS
