"""What is known of one request on its way through the layers, and what handlers are given and give back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.types import Scope

from ..contract.sequences import EVENTS
from ..errors import ApiError
from ..jsontypes import Json

T = TypeVar("T")

_KEY = "parley"


@dataclass(slots=True)
class Exchange:
    """Filled by each layer in turn: the front (id), security (key), the check (body, parameters), the handler (log)."""

    request_id: str
    status: int = 0
    key_name: str | None = None
    body: object = None
    raw_body: bytes = b""
    unknown: list[str] = field(default_factory=list)
    body_read: bool = False
    parameters: Json = field(default_factory=dict)
    log: Json = field(default_factory=dict)

    @classmethod
    def of(cls, scope: Scope) -> Exchange:
        """The exchange that the front put into an ASGI scope."""
        found = scope["extensions"][_KEY]
        assert isinstance(found, cls)
        return found

    def attach(self, scope: Scope) -> None:
        """Put it into an ASGI scope, where `of` finds it."""
        scope.setdefault("extensions", {})[_KEY] = self


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler may ask for by a parameter called ``request``.

    ``key_name`` is the short name of the key, ``log`` holds fields for the request's line in the log (never bodies),
    `service` gives what the application was wired with, ``headers`` are those that came, names in lower case.
    ``unknown`` are the paths of fields that the document does not know and the body is given without, where the handler
    answers for them.
    """

    id: str
    key_name: str | None
    log: Json
    services: Mapping[type, object]
    headers: Sequence[tuple[bytes, bytes]] = ()
    unknown: Sequence[str] = ()

    def lines(self, name: str) -> list[str]:
        """The values of all headers of a name, which is given in lower case."""
        return [value.decode("latin-1") for key, value in self.headers if key == name.encode()]

    def service(self, kind: type[T]) -> T:
        """The service of a kind that the application was wired with, such as `app.chat.service.Chat`.

        Raises:
            KeyError: it has none of that kind.
        """
        found = self.services[kind]
        assert isinstance(found, kind)
        return found


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
