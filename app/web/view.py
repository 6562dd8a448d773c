"""The view that Flask calls for an operation: it calls the handler and turns its result into an answer.

`app.contract.routing.TagResolver` finds the handler. The view only calls an ``async def`` handler; the event loop runs
it (see `app.web.bridge`). A plain ``def`` handler runs in the bridge's bounded thread pool, inside Flask's context.
Answers are validated against the document before they are sent.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import flask
import inflection
import orjson
from starlette.types import Scope

from ..accounts import Account
from ..contract.event_schemas import readings
from ..contract.explain import find_fault, path_text
from ..contract.faults import Validator
from ..contract.handlers import Handler
from ..contract.media import is_json, split_type
from ..contract.mending import Mender
from ..contract.operations import Operation
from ..contract.pointers import PathPattern
from ..contract.schemas import Schemas
from ..contract.sequences import EVENTS, framing_of, joined
from ..errors import ConfigurationError, ContractViolation, NotImplementedOperation, UpstreamFailed
from ..jsontypes import Json
from . import sse
from .answers import Event, Reply, Stream
from .exchange import Exchange, Request

log = logging.getLogger("parley")

SCOPE = "parley.scope"
PENDING = "parley.pending"


class ReplyEncoder:
    """Turns a `Reply` into status, headers and bytes. It validates nothing: its answers belong to no operation."""

    def __init__(self, write: Callable[[object], bytes] = sse.to_json) -> None:
        self.write = write

    def encode(self, reply: Reply) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Return status, headers and body of a whole answer.

        Raises:
            ContractViolation: the body does not fit the document.
            UpstreamFailed: the body does not fit the document, and another server made it.
        """
        headers: list[tuple[bytes, bytes]] = []
        given = None
        for name, value in reply.headers.items():
            headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
            if headers[-1][0] == b"content-type":
                given = value if given is None else given
        body = reply.body
        media_type = reply.media_type
        if isinstance(body, (dict, list)) or (media_type is not None and is_json(split_type(media_type)[0])):
            media_type = media_type or (None if given else "application/json")
            try:
                content = self._content(reply.status, media_type or given or "", body)
            except (ContractViolation, ValueError):
                if reply.foreign:
                    raise _upstream_failed() from None
                raise
        elif body is None:
            content = b""
        elif isinstance(body, str):
            content = body.encode()
        elif isinstance(body, bytes | bytearray | memoryview):
            content = bytes(body)
        else:
            raise TypeError(f"a handler gave {type(body).__name__}, which is neither JSON nor text nor bytes")
        if media_type is not None:
            headers.append((b"content-type", media_type.encode("latin-1")))
        if reply.status not in (204, 304):
            headers.append((b"content-length", str(len(content)).encode()))
        return reply.status, headers, content

    def encode_event(self, event: object, *, named: bool = False, foreign: bool = False) -> bytes:
        """Return the bytes of one event; ``named``: its ``type`` is its name; ``foreign``: another server made it.

        Raises:
            ContractViolation: the event does not fit the document.
            UpstreamFailed: a foreign event does not fit the document, or cannot be written as JSON.
        """
        try:
            if self.whole_events or isinstance(event, Event):
                if not isinstance(event, Event):
                    event = Event(event, event=sse.name_of(event) if named else None)
                return sse.written(self._check_event(event.fields()), self.write)
            checked = self._check(200, EVENTS, event)
            return sse.named_event(checked, self.write) if named else sse.event(checked, self.write)
        except (ContractViolation, ValueError):
            if foreign:
                raise _upstream_failed() from None
            raise

    def event_encoder(self, *, named: bool = False, foreign: bool = False) -> Callable[[object], bytes]:
        """Return `encode_event` with its options, for the events of one stream."""
        return partial(self.encode_event, named=named, foreign=foreign)

    def encode_item(self, item: object, *, media_type: str, foreign: bool = False) -> bytes:
        """Return one item of a stream of JSON lines or JSON records as bytes; raises what `encode_event` does."""
        framing = framing_of(split_type(media_type)[0])
        if framing not in ("lines", "records"):
            raise TypeError(f"a handler streams {media_type}, which is no sequence of items")
        try:
            return joined(framing, [self.write(self._check(200, media_type, item))])
        except (ContractViolation, ValueError):
            if foreign:
                raise _upstream_failed() from None
            raise

    # Whether the document's schema describes whole events, not just their data.
    whole_events = False

    def _check(self, status: int, media_type: str, body: object) -> object:
        """Return the body as it may be sent. There is no schema to validate it against here."""
        return body

    def _check_event(self, fields: Json) -> Json:
        """Return the fields of an event as they may be sent."""
        return fields

    def _content(self, status: int, media_type: str, body: Any) -> bytes:
        """Return the bytes of a JSON body, or of a list of JSON items."""
        framing = framing_of(split_type(media_type)[0]) if isinstance(body, list) else None
        if framing is None or framing == "parts":
            return self.write(self._check(status, media_type, body))
        if framing == "events":
            return b"".join(map(self.encode_event, body))
        return joined(framing, map(self.write, self._check_items(status, media_type, body)))

    def _check_items(self, status: int, media_type: str, items: list[Any]) -> list[Any]:
        """Return the items of a sequence as they may be sent."""
        return items


class OperationView(ReplyEncoder):
    """One operation as a Flask view; its answers are validated against the document.

    The names of a handler's parameters say which arguments it gets: ``body``, ``request``, and the operation's own
    parameters in snake case. ``spare``: members that the document does not allow are removed from answers, and required
    members are added if ``spare`` has them. ``quick``: the handler's results were parsed from JSON before, so a faster
    encoder can write them.
    """

    def __init__(
        self,
        operation: Operation,
        handler: Handler | None,
        schemas: Schemas,
        services: Mapping[type, object],
        *,
        spare: Mapping[PathPattern, object] | None = None,
        quick: bool = False,
    ) -> None:
        super().__init__(sse.quick_json if quick else sse.to_json)
        self.operation = operation
        self.operation_id = operation.key
        self.services = services
        self.handler = handler or _not_implemented(operation)
        self.is_async = inspect.iscoroutinefunction(self.handler)
        self.names = _wanted(self.handler, operation)
        self.schemas = schemas
        self.spare = spare
        self.whole_events = operation.response_schema(200, EVENTS) in operation.items
        self._validators: dict[tuple[int, str], Validator | None] = {}
        self._menders: dict[tuple[int, str], Mender] = {}
        self.__name__ = operation.key  # Flask and Connexion require it of a view

    def __call__(self, /, **_path_parameters: str) -> flask.Response:
        # Flask's own path parameters are ignored: the check has already read the path with the document's types.
        environ = flask.request.environ
        result = self.call(environ[SCOPE])
        if self.is_async:
            environ[PENDING] = PendingReply(self, result)
            return flask.Response()  # never sent: the bridge sends the handler's result
        if isinstance(result, flask.Response):
            return result
        reply = to_reply(result)
        if isinstance(reply, Stream):
            raise TypeError("a handler that streams must be an async def")
        status, headers, body = self.encode(reply)
        return flask.Response(body, status, [(k.decode("latin-1"), v.decode("latin-1")) for k, v in headers])

    def call(self, scope: Scope) -> Any:
        """Return the handler's result for a checked request; for an ``async def`` handler, its awaitable."""
        exchange = Exchange.of(scope)
        result = self.handler(**self._arguments(exchange, scope["headers"]))
        exchange.body = None  # only the handler references it now, and keeps it for as long as it needs it
        return result

    def _arguments(self, exchange: Exchange, headers: Sequence[tuple[bytes, bytes]]) -> Json:
        arguments: Json = {}
        for name, source in self.names.items():
            if name == "body":
                arguments[name] = exchange.body
            elif name == "request":
                arguments[name] = Request(
                    exchange.request_id,
                    exchange.key_name,
                    exchange.log,
                    self.services,
                    headers,
                    exchange.unknown,
                    exchange.account or Account(exchange.client),
                    exchange.has_null,
                )
            elif source in exchange.parameters:
                arguments[name] = exchange.parameters[source]
        return arguments

    def event_encoder(self, *, named: bool = False, foreign: bool = False) -> Callable[[object], bytes]:
        encode = super().event_encoder(named=named, foreign=foreign)
        validator = self._validator(200, EVENTS)
        if named or self.whole_events or validator is None:
            return encode
        is_valid = validator.is_valid
        write = orjson.dumps if self.write is sse.quick_json else self.write

        def encode_plain(event: object) -> bytes:
            # Nearly every event is the data of one, valid, and of what `orjson` can write.
            if type(event) is dict and is_valid(event):
                try:
                    return b"data: " + write(event) + b"\n\n"
                except (TypeError, ValueError):
                    pass
            return encode(event)

        return encode_plain

    def _check(self, status: int, media_type: str, body: object) -> object:
        validator = self._validator(status, media_type)
        if validator is None or validator.is_valid(body):
            return body
        return self._mend((status, media_type), validator, body)

    def _check_event(self, fields: Json) -> Json:
        key = (200, EVENTS)
        validator = self._validator(*key)
        made = readings(fields)
        if not self.whole_events:
            made = [reading["data"] for reading in made]
        if validator is None or any(map(validator.is_valid, made)):
            return fields
        mended = self._mend(key, validator, made[0])
        return cast(Json, mended) if self.whole_events else {**fields, "data": mended}

    def _check_items(self, status: int, media_type: str, items: list[Any]) -> list[Any]:
        pointer = self.operation.response_schema(status, media_type)
        if pointer in self.operation.items:
            return [self._check(status, media_type, item) for item in items]
        return cast(list[Any], self._check(status, media_type, items))

    def _validator(self, status: int, media_type: str) -> Validator | None:
        key = (status, media_type)
        try:
            return self._validators[key]
        except KeyError:
            pointer = self.operation.response_schema(status, media_type)
            validator = self.schemas.validator(pointer, "response") if pointer else None
            return self._validators.setdefault(key, validator)

    def _mend(self, key: tuple[int, str], validator: Validator, body: Any) -> object:
        if self.spare is not None:
            mender = self._menders.setdefault(key, Mender(validator, self.spare))
            before = len(mender.left_out)
            mended = mender.mend(body)
            if len(mender.left_out) > before:
                places = ", ".join(".".join(part or "[]" for part in place) for place in mender.left_out)
                log.info(
                    "%s: left out of an answer, because the document does not allow it: %s", self.operation.id, places
                )
            if mended is not None:
                return mended
        fault, _ = find_fault(validator, body)
        log.error(
            "%s: an answer breaks the contract: %s at %s", self.operation.id, fault.keyword, path_text(fault.path)
        )
        raise ContractViolation("The answer did not fit the contract of this API; it was not sent.")


class PendingReply:
    """The awaitable of an ``async def`` handler, with the view that encodes its result."""

    __slots__ = ("result", "view")

    def __init__(self, view: ReplyEncoder, result: Awaitable[object]) -> None:
        self.view = view
        self.result = result


def _upstream_failed() -> UpstreamFailed:
    return UpstreamFailed("The model's engine sent an answer that does not fit the contract of this API.")


def to_reply(result: object) -> Reply | Stream:
    """Convert a handler's result: a `Reply`, a `Stream`, a body, ``(body, status)`` or ``(body, status, headers)``."""
    if isinstance(result, (Reply, Stream)):
        return result
    if isinstance(result, tuple):
        return Reply(*result)
    return Reply(result, 204) if result is None else Reply(result)


def _wanted(handler: Handler, operation: Operation) -> dict[str, str]:
    """Return the handler's parameters, each with its name in the document."""
    sources = {_argument(p.key): p.key for p in operation.parameters}
    names = inspect.signature(handler).parameters
    # A parameter with a default may be lacking in a document.
    unknown = [
        name
        for name, parameter in names.items()
        if name not in sources and name not in ("body", "request") and parameter.default is parameter.empty
    ]
    in_path = [p.key for p in operation.parameters if p.location == "path" and _argument(p.key) not in names]
    if len(unknown) == len(in_path) == 1:
        # A single path parameter may have another name in another author's document.
        sources[unknown.pop()] = in_path[0]
    if unknown:
        raise ConfigurationError(
            f"The handler of {operation.id} asks for {', '.join(unknown)}; there is: body, request"
            + "".join(f", {name}" for name in sources)
        )
    return {name: sources.get(name, name) for name in names if name in sources or name in ("body", "request")}


def _argument(name: str) -> str:
    return re.sub(r"\W", "_", inflection.underscore(re.sub(r"\W+$", "", name)))


def _not_implemented(operation: Operation) -> Handler:
    lacks = "its definition of it cannot be used" if operation.fault else "this server has no handler for it"

    async def not_implemented() -> Reply:
        raise NotImplementedOperation(f"The document has the operation {operation.id}, but {lacks}.")

    return not_implemented
