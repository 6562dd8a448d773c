"""Reads request bodies within the limits, and parses JSON and text."""

from __future__ import annotations

import asyncio
import codecs
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import jiter
from starlette.types import Receive

from ..errors import BadRequest, ContentTooLarge, RequestTimeout, UnsupportedMediaType
from .eager import go_on

Headers = list[tuple[bytes, bytes]]

# Chunks are joined into pieces of at least `_PIECE` bytes; after `_AT_ONCE` chunks other tasks run.
_PIECE = 1 << 16
_AT_ONCE = 256
# Each chunk takes some microseconds, however small. Beyond the free ones, chunks must have this many bytes on average.
_FREE_CHUNKS = 1 << 15
_LEAST_CHUNK = 16
_OBJECTS = frozenset({dict})
# Python knows far more charsets; some of them decode in quadratic time.
_CHARSETS = frozenset(
    {"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1250", "cp1251", "cp1252", "utf-16", "utf-16-le", "utf-16-be"}
)


@dataclass(frozen=True, slots=True)
class BodyReader:
    """Reads bodies of at most ``limit`` bytes. A byte must arrive at least every ``timeout`` seconds. Once the first
    ``timeout`` seconds have passed, the average rate must be at least ``rate`` bytes a second."""

    limit: int
    timeout: float
    rate: int

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """Return the whole body.

        Raises:
            ContentTooLarge: it is larger than the limit, or arrives in too many small chunks.
            RequestTimeout: it stops arriving, or arrives too slowly.
        """
        stream = self.stream(headers, receive)
        pieces = []
        while not stream.ended:
            pieces.append(await stream.next())
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def stream(self, headers: Headers, receive: Receive) -> BodyStream:
        """Return the body as a stream.

        Raises:
            ContentTooLarge: its Content-Length is larger than the limit.
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
    """A body, read piece by piece; ``ended`` is true once there is no more."""

    def __init__(self, reader: BodyReader, receive: Receive) -> None:
        self.ended = False
        self._reader = reader
        self._receive = receive
        self._size = self._chunks = 0
        self._loop = asyncio.get_running_loop()
        self._began = self._last = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    async def next(self) -> bytes:
        """Return the next piece, at least `_PIECE` bytes unless it is the last; raises what `BodyReader.read` does."""
        if self._size:  # the time that we spent on the previous pieces does not count against the client
            self._last = self._loop.time()
        gathering = self._gather().__await__()
        try:
            waited_for = next(gathering)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # it was all there, as a small body is
        try:
            async with asyncio.timeout(None) as limit:
                self._watch(limit)
                return await go_on(gathering, waited_for)
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
                # Some servers report their own timeout this way, too. A client that has disconnected reads no answer.
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
                    # Buffered chunks are received without a wait, so other tasks would not run otherwise.
                    await asyncio.sleep(0)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _watch(self, limit: asyncio.Timeout) -> None:
        """Make the timeout expire when bytes are late. There is one timer, not one per chunk: when it fires, it is set
        again to the deadline that then applies."""
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
    """Raise `UnsupportedMediaType` if the parameters of a JSON Content-Type name a charset other than UTF-8."""
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("JSON is UTF-8 (RFC 8259, section 8.1); send it without another charset.")


def decode_text(raw: bytes | bytearray, charset: str, param: str | None = None) -> str:
    """Decode text in a charset that a client names; ``param`` is the parameter that the text belongs to, None for the
    body.

    Raises:
        UnsupportedMediaType: the charset is not accepted.
        BadRequest: the bytes are not text in the charset.
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
        raise BadRequest(f"{what} is not valid text in its charset.", param=param, code="invalid_value") from None


def parse_json(raw: bytes) -> object:
    """Parse strict JSON (RFC 8259): UTF-8, no NaN or infinities, no duplicate names in an object, at most 200 levels.

    Raises:
        BadRequest: with code ``invalid_json``.
    """
    return parse_body(raw)[0]


def parse_body(raw: bytes) -> tuple[object, bool]:
    """As `parse_json`; return also whether there is a null anywhere in the value."""
    try:
        body = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise BadRequest(_json_fault(str(error)), code="invalid_json") from None
    # All values of a depth are looked at together, which is several times as fast as one object after the other.
    values: list[Any] = [body]
    has_null = False
    while values:
        kinds = set(map(type, values))
        has_null |= type(None) in kinds
        # A number that is too large is read as infinity, which is not JSON.
        if float in kinds and (math.inf in values or -math.inf in values):
            raise BadRequest("The body has a number that is too large for a float.", code="invalid_json")
        arrays = [value for value in values if type(value) is list] if list in kinds else []
        if kinds != _OBJECTS:
            values = [value for value in values if type(value) is dict] if dict in kinds else []
        values = [*chain.from_iterable(map(dict.values, values)), *chain.from_iterable(arrays)]
    return body, has_null


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
        return f"The body is not accepted: an escape sequence in a string is not a whole character{where}."
    return f"The body is not valid JSON{where}."
