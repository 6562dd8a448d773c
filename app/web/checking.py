"""Validates every request against the document before any handler sees it: parameters, media type, size, body.

It takes the place of Connexion's own request validation in the stack, behind routing and security, so that 401 comes
before 400. Validators are built once per operation, at startup. A body is read once, parsed once and passed on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from ..contract.bodies import Body
from ..contract.explain import check, explain
from ..contract.faults import Validator
from ..contract.media import FORM, MULTIPART, MediaTypes, is_json, is_text, split_type
from ..contract.operations import Operation
from ..contract.parameters import Encoding
from ..contract.schemas import Schemas
from ..contract.sequences import Framing
from ..contract.unknown import without_unknown
from ..errors import BadRequest, UnsupportedMediaType
from ..frameworks.connexion import operation_of
from .bodies import BodyReader, Headers, check_json_charset, decode_text, parse_body
from .exchange import Exchange
from .forms import FormCheck, read_multipart
from .item_bodies import check_items, read_items
from .parameters import ParameterReader, validator_of
from .parts import PartCheck, read_parts, shown, split_parts
from .uploads import UploadFolder
from .urlencoded import read_urlencoded
from .values import scan

log = logging.getLogger("parley")

_LARGE = 16 << 10  # bytes of a body
# The most places with fields that the document does not know, in a body and in a large one.
_MOST_PLACES = 128
_MOST_IN_LARGE = 16


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The limits on bodies. ``max_body`` limits what is held in memory, ``max_upload`` a form with its files, both in
    bytes; ``max_values`` is the largest weight of the values of a JSON body or a form, as `app.web.values` and
    `app.web.forms` calculate it. ``timeout``, in seconds, and ``rate`` are those of a `BodyReader`."""

    max_body: int
    max_upload: int
    max_values: int
    timeout: float
    rate: int


@dataclass(frozen=True, slots=True)
class _BodyCheck:
    """A media type of the document with its validators."""

    body: Body
    validator: Validator | None
    form: FormCheck | None
    item: Validator | None
    prefix: tuple[PartCheck, ...] = ()
    rest: PartCheck | None = None


class OperationCheck:
    """The check of one operation: an ASGI application that calls the next one if the request is valid. ``tolerant``:
    the handler decides about fields of a JSON body that the document does not know, and gets the body without them."""

    def __init__(
        self, next_app: ASGIApp, operation: Operation, schemas: Schemas, limits: BodyLimits, *, tolerant: bool = False
    ) -> None:
        self.next_app = next_app
        self.tolerant = tolerant
        self.required = operation.request_required
        self.types = MediaTypes({name: _body_check(body, schemas) for name, body in operation.request.items()})
        self.has_body = bool(operation.request)
        self.default_type = _default_type(self.types)
        # A lookup table for the Content-Types of nearly every request, which saves parsing them.
        self._usual: dict[bytes, tuple[str, Mapping[str, str], _BodyCheck]] = {
            name.encode("latin-1", "replace"): (name, {}, found)
            for name in operation.request
            if not {"*", ";"} & set(name) and (found := self.types.find(name)) is not None
        }
        self.parameters = ParameterReader(operation, schemas)
        self.has_parameters = bool(operation.parameters)
        self.limits = limits
        self.reader = BodyReader(limits.max_body, limits.timeout, limits.rate)
        self.upload_reader = BodyReader(limits.max_upload, limits.timeout, limits.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange.of(scope)
        if self.has_parameters:
            exchange.parameters = self.parameters.read(scope)
        if self.has_body:
            headers = scope["headers"]
            media_type, options, found = self._media_type(headers)
            if media_type == MULTIPART and found.form is not None:
                await self._call_with_files(options.get("boundary", ""), found.form, scope, receive, send)
                return
            raw = await self.reader.read(headers, receive)
            exchange.raw_body, exchange.body_read = raw, True
            if raw:
                exchange.body = await self._parse(media_type, options, found, raw, exchange)
            elif self.required:
                raise _missing_body()
        await self.next_app(scope, receive, send)

    async def _call_with_files(
        self, boundary: str, form: FormCheck, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Do the same as `__call__` for a body that may contain files; they exist until the answer has been sent."""
        exchange = Exchange.of(scope)
        folder = UploadFolder()
        stream = self.upload_reader.stream(scope["headers"], receive)
        try:
            try:
                first = await stream.next()
                leaves = (
                    await read_multipart(first, stream, boundary, form.form, folder, self.limits.max_body)
                    if first
                    else []
                )
            finally:
                exchange.body_read = stream.ended
            if first:
                exchange.body = await form.body(leaves, self.limits.max_values)
            elif self.required:
                raise _missing_body()
            await self.next_app(scope, receive, send)
        finally:
            folder.remove()

    async def _parse(
        self, media_type: str, options: Mapping[str, str], found: _BodyCheck, raw: bytes, exchange: Exchange
    ) -> object:
        most = self.limits.max_values
        if found.body.framing is not None:
            return await _read_sequence(found, found.body.framing, options, raw, most)
        if is_json(media_type):
            await scan(raw, most)
            body, exchange.has_null = parse_body(raw)
            if found.validator is None or found.validator.is_valid(body):
                return body
            if not self.tolerant:
                raise explain(found.validator, body)
            if len(raw) <= _LARGE:
                body, exchange.unknown = without_unknown(found.validator, body, _MOST_PLACES)
            else:  # in a thread, not to block the event loop
                body, exchange.unknown = await asyncio.to_thread(without_unknown, found.validator, body, _MOST_IN_LARGE)
            return body
        if media_type == FORM and found.form is not None:
            return await found.form.body(await read_urlencoded(raw, most), most)
        if not is_text(media_type):
            return raw
        readings = found.body.shape.readings(decode_text(raw, options.get("charset", "utf-8")))
        # A text is neither an object nor an array; the handler interprets its content.
        if found.validator is None or not found.body.shape.is_scalar:
            return readings[0]
        for body in readings:
            if found.validator.is_valid(body):
                return body
        raise explain(found.validator, readings[0])

    def _media_type(self, headers: Headers) -> tuple[str, Mapping[str, str], _BodyCheck]:
        given, encoding = b"", b""
        for name, value in headers:
            if name == b"content-type":
                given = value
            elif name == b"content-encoding":
                encoding = value
        if encoding and encoding.strip().lower() != b"identity":
            raise UnsupportedMediaType("Compressed bodies are not accepted. Send the body without a Content-Encoding.")
        usual = self._usual.get(given)
        if usual is not None:
            return usual
        media_type, options = split_type(given.decode("latin-1"))
        media_type = media_type or self.default_type
        found = self.types.find(media_type, options)
        if found is None:
            raise UnsupportedMediaType(f"The Content-Type must be {' or '.join(self.types.keys)}.")
        if options and is_json(media_type):
            check_json_charset(options)
        return media_type, options, found


def _missing_body() -> BadRequest:
    return BadRequest("The request needs a body.", code="missing_body")


def _body_check(body: Body, schemas: Schemas) -> _BodyCheck:
    validator = schemas.validator(body.schema, "request") if body.schema else None
    form = FormCheck.of(body.form, validator, schemas) if body.form else None
    item = schemas.validator(body.item, "request") if body.item else None
    prefix = tuple(_part_check(encoding, schemas) for encoding in body.prefix_encodings)
    rest = _part_check(body.item_encoding, schemas) if body.item_encoding else None
    return _BodyCheck(body, validator, form, item, prefix, rest)


def _part_check(encoding: Encoding, schemas: Schemas) -> PartCheck:
    return PartCheck(encoding, [(header, validator_of(header, schemas)) for header in encoding.headers])


async def _read_sequence(
    found: _BodyCheck, framing: Framing, options: Mapping[str, str], raw: bytes, most: int
) -> list[object]:
    if framing == "parts":
        parts = split_parts(raw, options.get("boundary", ""))
        items = await read_parts(parts, found.prefix, found.rest, most)
    else:
        items = await read_items(framing, raw, lambda text: decode_text(text, options.get("charset", "utf-8")), most)
    seen = list(map(shown, items))
    if found.item is not None:
        check_items(framing, found.item, seen)
    if found.validator is not None:
        check(found.validator, seen)
    return items


def _default_type(types: MediaTypes[_BodyCheck]) -> str:
    """Return the media type of a body without a Content-Type: JSON if the document allows it, else its first type."""
    names = [split_type(key)[0] for key in types.keys]
    named = [name for name in names if "*" not in name]
    # The fallback is that of RFC 9110, section 8.3, for a document that names only ranges.
    return next(filter(is_json, named), next(iter(named), "application/octet-stream"))


class CheckMiddleware:
    """Validates each request against the operation that it was routed to, in place of Connexion's request validation.
    ``tolerant`` are the keys of the tolerant operations; see `OperationCheck`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        operations: Mapping[str, Operation],
        schemas: Schemas,
        limits: BodyLimits,
        tolerant: frozenset[str] = frozenset(),
    ) -> None:
        self.app = app
        self._checks = {
            key: OperationCheck(app, operation, schemas, limits, tolerant=key in tolerant)
            for key, operation in operations.items()
        }

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        operation = operation_of(scope) if scope["type"] == "http" else None
        return (self.app if operation is None else self._checks[operation])(scope, receive, send)
