"""Holds every request against the document, before any handler sees it: parameters, media type, size, body.

It stands in Connexion's stack where its own request validation would, behind routing and security, so that 401 comes
before 400. What an operation needs is made once, at start; a body is read once, parsed once and handed on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import jiter
from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from ..contract.explain import check
from ..contract.operations import Operation, Parameter
from ..contract.routing import path_name
from ..contract.schemas import Schemas, Validator
from ..errors import BadRequest, ContentTooLarge, RequestTimeout, UnsupportedMediaType
from .exchange import Exchange

# An exponent of three digits may overflow to infinity, which is not JSON; looked at closely only then.
_HUGE_EXPONENT = re.compile(rb"[eE]\+?[0-9]{3}")


class OperationCheck:
    """The check of one operation, an ASGI application that calls the next one when all is well."""

    def __init__(
        self, next_app: ASGIApp, operation: Operation, schemas: Schemas, max_body: int, body_timeout: float
    ) -> None:
        self.next_app = next_app
        self.max_body = max_body
        self.body_timeout = body_timeout
        self.required = operation.request_required
        self.types: dict[str, Validator | None] = {
            media_type: schemas.validator(pointer, "request") if pointer else None
            for media_type, pointer in operation.request.items()
        }
        self.default_type = next(iter(self.types), "")
        self.parameters = [
            (parameter, schemas.validator(parameter.schema) if parameter.schema else None)
            for parameter in operation.parameters
        ]
        self.reads_query = any(parameter.location == "query" for parameter, _ in self.parameters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange.of(scope)
        if self.parameters:
            exchange.parameters = self._parameters(scope)
        if self.types:
            headers = scope["headers"]
            media_type = self._media_type(headers)
            raw = await self._read(headers, receive)
            exchange.raw_body, exchange.body_read = raw, True
            if raw:
                exchange.body = self._parse(media_type, raw)
            elif self.required:
                raise BadRequest("The request needs a body.", code="missing_body")
        await self.next_app(scope, receive, send)

    def _parameters(self, scope: Scope) -> dict[str, Any]:
        sources: dict[str, Mapping[str, list[str]]] = {
            "path": {name: [str(value)] for name, value in scope.get("path_params", {}).items()},
            "header": {name.decode("latin-1"): [value.decode("latin-1")] for name, value in scope["headers"]},
        }
        if self.reads_query:
            sources["query"] = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        found = {}
        for parameter, validator in self.parameters:
            name = parameter.name.lower() if parameter.location == "header" else parameter.name
            if parameter.location == "path":
                name = path_name(name)
            texts = sources.get(parameter.location, {}).get(name)
            if texts is None:
                if parameter.required:
                    raise BadRequest(
                        f"Missing required parameter: '{parameter.name}'.",
                        param=parameter.name,
                        code="missing_required_parameter",
                    )
                continue
            value = _read_parameter(parameter, texts)
            if validator is not None:
                check(validator, value, at=(parameter.name,))
            found[parameter.name] = value
        return found

    def _media_type(self, headers: list[tuple[bytes, bytes]]) -> str:
        given, encoding = b"", b""
        for name, value in headers:
            if name == b"content-type":
                given = value
            elif name == b"content-encoding":
                encoding = value
        if encoding and encoding.strip().lower() != b"identity":
            raise UnsupportedMediaType("Compressed bodies are not accepted. Send the body without a Content-Encoding.")
        text, _, options = given.decode("latin-1").partition(";")
        media_type = text.strip().lower() or self.default_type
        if media_type not in self.types:
            raise UnsupportedMediaType(f"The Content-Type must be {' or '.join(self.types)}.")
        charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", options.lower())
        if charset and media_type.endswith("json") and charset[1] not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType("JSON is UTF-8 (RFC 8259, section 8.1); send it without another charset.")
        return media_type

    async def _read(self, headers: list[tuple[bytes, bytes]], receive: Receive) -> bytes:
        for name, value in headers:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > self.max_body:
                raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        while True:
            try:
                async with asyncio.timeout(self.body_timeout):
                    message = await receive()
            except TimeoutError:
                raise self._stalled() from None
            if message["type"] == "http.disconnect":
                # Also how the HTTP server tells of its own time limit; a client that is gone reads no answer.
                raise self._stalled()
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.max_body:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    def _too_large(self) -> ContentTooLarge:
        return ContentTooLarge(f"The request body is larger than the {self.max_body} bytes that are accepted.")

    def _stalled(self) -> RequestTimeout:
        return RequestTimeout(f"No byte of the request body arrived for {self.body_timeout:g} seconds.")

    def _parse(self, media_type: str, raw: bytes) -> Any:
        if not media_type.endswith("json"):
            return raw
        body = parse_json(raw)
        validator = self.types[media_type]
        if validator is not None:
            check(validator, body)
        return body


def parse_json(raw: bytes) -> Any:
    """Strict JSON (RFC 8259): UTF-8, no NaN or infinities, no name twice in an object, at most 200 levels.

    Raises:
        BadRequest: with code ``invalid_json``.
    """
    try:
        body = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise BadRequest(_json_fault(str(error)), code="invalid_json") from None
    if _HUGE_EXPONENT.search(raw) and _has_infinity(body):
        raise BadRequest("The body has a number that is too large for a float.", code="invalid_json")
    return body


def _json_fault(text: str) -> str:
    place = re.search(r"at line (\d+) column (\d+)$", text)
    where = f" at line {place[1]}, column {place[2]}" if place else ""
    if "duplicate key" in text:
        return f"The body is not accepted: an object names the same property twice{where}."
    if "recursion limit" in text:
        return f"The body is nested too deeply{where}; at most 200 levels are accepted."
    if "out of range" in text:
        return f"The body is not accepted: a number has too many digits{where}."
    if "hex escape" in text or "surrogate" in text:
        return f"The body is not accepted: an escape sequence in a string is no whole character{where}."
    return f"The body is not valid JSON{where}."


def _has_infinity(body: Any) -> bool:
    left = [body]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, float) and value in (float("inf"), float("-inf")):
            return True
    return False


def _read_parameter(parameter: Parameter, texts: list[str]) -> Any:
    if parameter.type == "array":
        return [_read_text(parameter.item_type, text) for text in texts]
    return _read_text(parameter.type, texts[-1])


def _read_text(kind: str, text: str) -> Any:
    """The text as a value of a type; text that is none stays text, and the schema says what is wrong."""
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,40}", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?", text):
        return float(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


class _CheckAPI(RoutedAPI[OperationCheck]):
    def __init__(self, *args: Any, checks: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._make = checks
        self.add_paths()

    def make_operation(self, operation: Any) -> OperationCheck:
        made = self._make(self.next_app, operation.operation_id)
        assert isinstance(made, OperationCheck)
        return made


class CheckMiddleware(RoutedMiddleware[_CheckAPI]):
    """Connexion's place for request validation, filled with our own."""

    api_cls = _CheckAPI

    def __init__(
        self,
        app: ASGIApp,
        *,
        operations: Mapping[str, Operation],
        schemas: Schemas,
        max_body: int,
        body_timeout: float,
    ) -> None:
        super().__init__(app)
        self._operations = operations
        self._options = (schemas, max_body, body_timeout)

    def add_api(self, specification: Any, **kwargs: Any) -> _CheckAPI:
        api: _CheckAPI = super().add_api(specification, checks=self._check, **kwargs)
        return api

    def _check(self, next_app: ASGIApp, operation_id: str) -> OperationCheck:
        return OperationCheck(next_app, self._operations[operation_id], *self._options)


def check_middleware(**options: Any) -> Any:
    """The middleware with its options, in the form that Connexion's list of middlewares takes."""
    return partial(CheckMiddleware, **options)
