"""Reads the body of a request, within its limits, and parses JSON and text."""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jiter
from starlette.types import Receive

from ..errors import BadRequest, ContentTooLarge, RequestTimeout, UnsupportedMediaType

Headers = list[tuple[bytes, bytes]]

# An exponent of three digits may overflow to infinity, which is not JSON; looked at closely only then.
_LONG = 4096
_HUGE_EXPONENT = re.compile(rb"[eE]\+?[0-9]{3}")
# Python knows far more, and some of them take a time that grows with the square of the text.
_CHARSETS = frozenset(
    {"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1250", "cp1251", "cp1252", "utf-16", "utf-16-le", "utf-16-be"}
)


@dataclass(frozen=True, slots=True)
class BodyReader:
    """Reads bodies of at most ``limit`` bytes of which a piece arrives at least every ``timeout`` seconds."""

    limit: int
    timeout: float

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            ContentTooLarge: it is larger than the limit.
            RequestTimeout: it stops coming.
        """
        self._check_length(headers)
        chunks: list[bytes] = []
        size = 0
        while True:
            try:
                async with asyncio.timeout(self.timeout):
                    message = await receive()
            except TimeoutError:
                raise self.stalled() from None
            if message["type"] == "http.disconnect":
                # Also how the HTTP server tells of its own time limit; a client that is gone reads no answer.
                raise self.stalled()
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.limit:
                raise self.too_large()
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    def stream(self, headers: Headers, receive: Receive) -> BodyStream:
        """The body as it arrives.

        Raises:
            ContentTooLarge: it says that it is larger than the limit.
        """
        self._check_length(headers)
        return BodyStream(self, receive)

    def too_large(self) -> ContentTooLarge:
        return ContentTooLarge(f"The request body is larger than the {self.limit} bytes that are accepted.")

    def _check_length(self, headers: Headers) -> None:
        for name, value in headers:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > self.limit:
                raise self.too_large()

    def stalled(self) -> RequestTimeout:
        return RequestTimeout(f"No byte of the request body arrived for {self.timeout:g} seconds.")


class BodyStream:
    """A body piece by piece; ``ended`` once there is no more."""

    def __init__(self, reader: BodyReader, receive: Receive) -> None:
        self.ended = False
        self._reader = reader
        self._receive = receive
        self._size = 0

    async def next(self) -> bytes:
        """The next piece, empty at the end; raises what `BodyReader.read` does."""
        chunk = b""
        while not (chunk or self.ended):
            try:
                async with asyncio.timeout(self._reader.timeout):
                    message = await self._receive()
            except TimeoutError:
                raise self._reader.stalled() from None
            if message["type"] == "http.disconnect":
                raise self._reader.stalled()
            chunk = message.get("body", b"")
            self.ended = not message.get("more_body", False)
            self._size += len(chunk)
            if self._size > self._reader.limit:
                raise self._reader.too_large()
        return chunk


def check_json_charset(parameters: Mapping[str, str]) -> None:
    """Raise `UnsupportedMediaType` unless the parameters of a JSON Content-Type leave it UTF-8."""
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("JSON is UTF-8 (RFC 8259, section 8.1); send it without another charset.")


def decode_text(raw: bytes | bytearray, charset: str, param: str | None = None) -> str:
    """Text of a charset that a client names; ``param`` is what the text is, None for the body.

    Raises:
        UnsupportedMediaType: the charset is none of those that are accepted.
        BadRequest: the bytes are not text in it.
    """
    try:
        known = codecs.lookup(charset).name in _CHARSETS
    except (LookupError, ValueError):
        known = False
    if not known:
        raise UnsupportedMediaType("The charset of the Content-Type is not accepted. Send UTF-8.")
    try:
        return raw.decode(charset)
    except ValueError:
        what = f"'{param}'" if param else "The body"
        raise BadRequest(
            f"{what} is not text in the charset that it is sent in.", param=param, code="invalid_value"
        ) from None


def parse_json(raw: bytes) -> object:
    """Strict JSON (RFC 8259): UTF-8, no NaN or infinities, no name twice in an object, at most 200 levels.

    Raises:
        BadRequest: with code ``invalid_json``.
    """
    try:
        body = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise BadRequest(_json_fault(str(error)), code="invalid_json") from None
    # A short text is searched faster than its values are looked at, a long one the other way round.
    if (len(raw) > _LONG or _HUGE_EXPONENT.search(raw)) and _has_infinity(body):
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


def _has_infinity(body: object) -> bool:
    left: list[Iterable[Any]] = [[body]]
    for values in left:  # which grows meanwhile
        for value in values:
            kind = type(value)
            if kind is dict:
                left.append(value.values())
            elif kind is list:
                left.append(value)
            elif kind is float and value - value != 0:
                return True
    return False
