"""Reads the body of a request, within its limits, and parses JSON and text."""

from __future__ import annotations

import asyncio
import codecs
import marshal
import math
import re
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import jiter
from starlette.types import Receive

from ..errors import BadRequest, ContentTooLarge, RequestTimeout, UnsupportedMediaType

Headers = list[tuple[bytes, bytes]]

# Chunks are gathered to pieces of so many bytes, and so many chunks are taken before others have their turn.
_PIECE = 1 << 16
_AT_ONCE = 256
# Each chunk takes some microseconds, however small: so many are free, and then so many bytes must come with each.
_FREE_CHUNKS = 1 << 15
_LEAST_CHUNK = 16
# How `marshal` begins an infinite float, of whichever sign.
_INFINITY = struct.pack("<d", math.inf)[:7]
# Python knows far more, and some of them take a time that grows with the square of the text.
_CHARSETS = frozenset(
    {"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1250", "cp1251", "cp1252", "utf-16", "utf-16-le", "utf-16-be"}
)


@dataclass(frozen=True, slots=True)
class BodyReader:
    """Reads bodies of at most ``limit`` bytes, of which a byte arrives at least every ``timeout`` seconds and, after as
    many seconds, ``rate`` bytes a second on the whole."""

    limit: int
    timeout: float
    rate: int

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            ContentTooLarge: it is larger than the limit, or comes in too many small chunks.
            RequestTimeout: it stops coming, or comes too slowly.
        """
        stream = self.stream(headers, receive)
        pieces = []
        while not stream.ended:
            pieces.append(await stream.next())
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def stream(self, headers: Headers, receive: Receive) -> BodyStream:
        """The body as it arrives.

        Raises:
            ContentTooLarge: it says that it is larger than the limit.
        """
        for name, value in headers:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > self.limit:
                raise self.too_large()
        return BodyStream(self, receive)

    def too_large(self) -> ContentTooLarge:
        return ContentTooLarge(f"The request body is larger than the {self.limit} bytes that are accepted.")

    def stalled(self) -> RequestTimeout:
        return RequestTimeout(f"No byte of the request body arrived for {self.timeout:g} seconds.")

    def too_slow(self) -> RequestTimeout:
        return RequestTimeout(f"The request body came more slowly than {self.rate} bytes a second.")


class BodyStream:
    """A body piece by piece; ``ended`` once there is no more."""

    def __init__(self, reader: BodyReader, receive: Receive) -> None:
        self.ended = False
        self._reader = reader
        self._receive = receive
        self._size = self._chunks = 0
        self._loop = asyncio.get_running_loop()
        self._began = self._last = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    async def next(self) -> bytes:
        """The next piece, of `_PIECE` bytes at least unless it is the last; raises what `BodyReader.read` does."""
        if self._size:  # what was done with the pieces before is not the client's time
            self._last = self._loop.time()
        try:
            async with asyncio.timeout(None) as limit:
                self._watch(limit)
                return await self._gather()
        except TimeoutError:
            raise self._reader.stalled() if self._stalls_at <= self._lags_at else self._reader.too_slow() from None
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def _gather(self) -> bytes:
        chunks: list[bytes] = []
        gathered = 0
        while not (self.ended or gathered >= _PIECE):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                # Also how the HTTP server tells of its own time limit; a client that is gone reads no answer.
                raise self._reader.stalled()
            chunk = message.get("body", b"")
            self.ended = not message.get("more_body", False)
            gathered += len(chunk)
            self._size += len(chunk)
            if self._size > self._reader.limit:
                raise self._reader.too_large()
            if chunk:
                self._last = self._loop.time()
                chunks.append(chunk)
                self._chunks += 1
                if self._chunks > _FREE_CHUNKS + self._size // _LEAST_CHUNK:
                    raise ContentTooLarge(
                        f"The request body comes in more than {_FREE_CHUNKS} chunks of less than {_LEAST_CHUNK} bytes."
                    )
                if len(chunks) % _AT_ONCE == 0:
                    # What lies there already is given without a wait, and others have their turn all the same.
                    await asyncio.sleep(0)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _watch(self, limit: asyncio.Timeout) -> None:
        """Have the limit reached when bytes are late. No chunk has a timer of its own: when the time of the one timer
        has come, it is set again for as long as may be waited by then."""
        due = min(self._stalls_at, self._lags_at)
        if due <= self._loop.time():
            limit.reschedule(0)
        else:
            self._timer = self._loop.call_at(due, self._watch, limit)

    @property
    def _stalls_at(self) -> float:
        return self._last + self._reader.timeout

    @property
    def _lags_at(self) -> float:
        rate = self._reader.rate
        return self._began + self._reader.timeout + self._size / rate if rate else math.inf


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
    # Such a number is read as infinity, which is not JSON. It is found in what `marshal` writes faster than by a look
    # at each value, but other things may look alike there.
    written = marshal.dumps(body)
    if _INFINITY[-1:] in written and _INFINITY in written and _has_infinity(body):
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
    left: list[Collection[Any]] = [[body]]
    for values in left:  # which grows meanwhile
        kinds = set(map(type, values))
        if float in kinds and (math.inf in values or -math.inf in values):
            return True
        if dict in kinds or list in kinds:
            left += [x.values() if type(x) is dict else x for x in values if type(x) in (dict, list)]
    return False
