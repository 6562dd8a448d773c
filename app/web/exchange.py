"""The state of one request on its way through the layers, and the part of it that handlers get."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.types import Scope

from ..accounts import Account, Client
from ..jsontypes import Json
from . import answers

T = TypeVar("T")

_KEY = "parley"


@dataclass(slots=True)
class Exchange:
    """Filled by each layer in turn: the front (id), security (key), the check (body, parameters), the handler (log).

    ``client`` is the request's key; ``account`` counts what the request uses, if anything does (see `app.accounts`);
    ``headers`` are added to the answer, whatever it is. ``has_null`` is false if no value in the body is null."""

    request_id: str
    status: int = 0
    client: Client | None = None
    account: Account | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: object = None
    has_null: bool = True
    raw_body: bytes = b""
    unknown: list[str] = field(default_factory=list)
    body_read: bool = False
    parameters: Json = field(default_factory=dict)
    log: Json = field(default_factory=dict)

    @property
    def key_name(self) -> str | None:
        """The short name of the request's key."""
        return self.client.name if self.client is not None else None

    @staticmethod
    def of(scope: Scope) -> Exchange:
        """Return the exchange that the front layer put into an ASGI scope."""
        found: Exchange = scope["extensions"][_KEY]
        return found

    def attach(self, scope: Scope) -> None:
        """Put this exchange into an ASGI scope, where `of` finds it."""
        scope.setdefault("extensions", {})[_KEY] = self


@dataclass(slots=True)
class Request:
    """The argument of a handler's parameter called ``request``.

    ``key_name`` is the short name of the key. ``log`` holds fields for the request's line in the log (never bodies).
    `service` returns the services that the application was wired with. ``headers`` are the request's headers, with
    names in lower case. ``unknown`` are the paths of fields that the document does not know, if the handler decides
    about them; they have been removed from the body. ``account`` is what the request's use is counted in.
    ``has_null`` is false if no value in the body, at any depth, is null.
    """

    id: str
    key_name: str | None
    log: Json
    services: Mapping[type, object]
    headers: Sequence[tuple[bytes, bytes]] = ()
    unknown: Sequence[str] = ()
    account: Account = field(default_factory=Account)
    has_null: bool = True

    def lines(self, name: str) -> list[str]:
        """Return the values of all headers of a name, which must be in lower case."""
        return [value.decode("latin-1") for key, value in self.headers if key == name.encode()]

    def service(self, kind: type[T]) -> T:
        """Return the application's service of a type, such as `app.chat.service.Chat`.

        Raises:
            KeyError: the application has no service of that type.
        """
        found = self.services[kind]
        assert isinstance(found, kind)
        return found


def __getattr__(name: str) -> Any:
    """Return the names that users' handlers imported from here before `parley` exported them."""
    if name not in ("Event", "Reply", "Stream"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _tell_the_new_name()
    return getattr(answers, name)


@functools.cache
def _tell_the_new_name() -> None:
    told = f"Import Event, Reply and Stream from parley: {__name__} has them for one more release only."
    # Python shows a DeprecationWarning almost only in tests, so the warning also goes to the server's log.
    logging.getLogger("parley").warning(told)
    warnings.warn(told, DeprecationWarning, stacklevel=3)
