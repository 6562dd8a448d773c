"""One attempt at one replica: sends the request, applies the timeout of each step, and classifies failures."""

from __future__ import annotations

import asyncio
import errno
import functools
import io
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ...errors import ApiError, EngineUnavailable, UpstreamFailed, UpstreamTimeout
from .failures import LATE, LOST, UNREACHABLE, UNUSABLE, Cause, Failed, Verdict, failed_by_status
from .options import Timeouts
from .session import StaleConnection

_LARGEST_ERROR = 64 << 10  # bytes of an error's body that are read
_LARGE_BODY = 1 << 20  # bytes
_MOST_STALE = 4  # stale keep-alive connections in a row
# Seconds to wait for the rest of the response after the last event, so that the connection can be reused.
_TAIL_SECONDS = 1.0
# The errors of the first write to a connection that was never accepted.
_NEVER_CONNECTED = frozenset({errno.ENOTCONN, errno.ECONNREFUSED, errno.ENOENT, errno.EAGAIN})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """``deadline`` is that of the whole request, by the event loop's clock; ``secrets`` must not appear in errors."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes | None
    deadline: float
    timeouts: Timeouts
    secrets: tuple[str, ...] = ()


class HttpResponse:
    """An answer with status 2xx whose first bytes have arrived.

    The idle timeout runs only while `read` waits for bytes, not while the reader is busy; the deadline always applies.
    """

    def __init__(self, response: aiohttp.ClientResponse, first: bytes, request: HttpRequest) -> None:
        self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.first = first
        self._response = response
        self._content = response.content
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._idle = request.timeouts.idle
        self._deadline = request.deadline
        self._left = False
        self._since = 0.0  # when `read` began to wait; 0 while it does not wait
        self._timer = self._loop.call_at(min(self._now() + self._idle, self._deadline), self._tick)

    async def read(self) -> bytes:
        """Return the next bytes, empty at the end.

        Raises:
            Failed: reading fails or times out.
        """
        self._since = self._now()
        try:
            return await self._content.readany()
        except (aiohttp.ClientError, OSError, ApiError) as error:
            raise _failed_reading(error) from None
        finally:
            self._since = 0.0

    async def read_all(self, largest: int) -> bytes:
        """Return the whole body.

        Raises:
            Failed: reading fails or times out, or the body has more than ``largest`` bytes.
        """
        pieces, size, piece = [], 0, self.first
        while piece:
            pieces.append(piece)
            size += len(piece)
            if size > largest:
                raise unusable("the answer is too large")
            piece = await self.read()
        return b"".join(pieces)

    def close(self) -> None:
        """Close the connection, unless the answer was read to its end or `leave` was called."""
        self._timer.cancel()
        if not self._left:
            self._response.close()

    def leave(self) -> None:
        """Close after a delay in which the end of the answer can arrive, so that the connection can be reused."""
        self._left = True
        if not self._response.closed:
            self._loop.call_later(_TAIL_SECONDS, self._response.close)

    def _tick(self) -> None:
        now = self._now()
        due = self._since + self._idle if self._since else now + self._idle
        if now < min(due, self._deadline):
            self._timer = self._loop.call_at(min(due, self._deadline), self._tick)
            return
        self._content.set_exception(UpstreamTimeout(LATE))
        self._response.close()


async def send(session: aiohttp.ClientSession, request: HttpRequest) -> HttpResponse:
    """Send a request and wait for the first bytes of the answer.

    Raises:
        Failed: the connection fails, the answer is invalid or late, or its status is not 2xx.
    """
    now = asyncio.get_running_loop().time()
    timeouts = request.timeouts
    response: aiohttp.ClientResponse | None = None
    try:
        async with asyncio.timeout_at(min(now + timeouts.first_byte, request.deadline)):
            response = await _asked(session, request)
            if not 200 <= response.status < 300:
                raise await _failed_by_status(response, request.secrets)
            first = await response.content.readany()
        return HttpResponse(response, first, request)
    except BaseException as error:
        if response is not None:
            response.close()
        if isinstance(error, aiohttp.ClientError | OSError):  # a TimeoutError is an OSError
            raise _failed_opening(error, begun=response is not None) from None
        raise


async def _asked(session: aiohttp.ClientSession, request: HttpRequest) -> aiohttp.ClientResponse:
    """Return the head of the answer. Servers close connections that they promised to keep alive; llama.cpp's does after
    each stream. A request that was sent on a stale connection is sent again on another."""
    tries = 0
    while True:
        try:
            return await session.request(
                request.method,
                request.url,
                data=_payload(request.body),
                headers=request.headers,
                allow_redirects=False,
                timeout=_client_timeout(request.timeouts.connect),
            )
        except StaleConnection:
            tries += 1
            if tries == _MOST_STALE:
                raise


def unusable(reason: str) -> Failed:
    """Return the failure for an answer that breaks the protocol or a limit."""
    return Failed(Cause.UNUSABLE, reason, UpstreamFailed(UNUSABLE), Verdict.FAULTY)


@functools.lru_cache
def _client_timeout(connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect)


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    # A large body is written in pieces, so that the event loop can serve other answers in between.
    return body if body is None or len(body) < _LARGE_BODY else io.BytesIO(body)


async def _failed_by_status(response: aiohttp.ClientResponse, secrets: tuple[str, ...]) -> Failed:
    body = bytearray()
    try:
        while len(body) <= _LARGEST_ERROR and (piece := await response.content.readany()):
            body += piece
    except (aiohttp.ClientError, ConnectionError):
        pass  # the status says enough
    headers = {name.lower(): value for name, value in response.headers.items()}
    response.close()
    return failed_by_status(response.status, headers, bytes(body[:_LARGEST_ERROR]), secrets)


def _failed_opening(error: Exception, *, begun: bool) -> Failed:
    if isinstance(error, aiohttp.ClientSSLError):
        # The peer may be an impostor, so there is no retry.
        return _unreachable("no TLS connection: certificate or protocol", repeatable=False)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return _unreachable("its name has no address")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return _unreachable("no connection in time")
    if isinstance(error, aiohttp.ClientConnectorError) or (
        isinstance(error, aiohttp.ClientOSError) and error.errno in _NEVER_CONNECTED
    ):
        return _unreachable(f"no connection: {errno.errorcode.get(error.errno or 0, 'unknown')}")
    if isinstance(error, TimeoutError):
        # The first byte of a non-streamed answer arrives once it is complete, which takes long for many tokens.
        return Failed(Cause.LATE, "no first byte in time", UpstreamTimeout(LATE), Verdict.FAULTY)
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.InvalidURL):
        return Failed(Cause.UNUSABLE, "the answer is not HTTP", UpstreamFailed(UNUSABLE))
    reason = f"connection lost before the {'body' if begun else 'answer'} began"
    return Failed(Cause.LOST, reason, UpstreamFailed(LOST), repeatable=True)


def _unreachable(reason: str, *, repeatable: bool = True) -> Failed:
    return Failed(Cause.UNREACHABLE, reason, EngineUnavailable(UNREACHABLE), Verdict.GONE, repeatable=repeatable)


def _failed_reading(error: Exception) -> Failed:
    if isinstance(error, UpstreamTimeout):
        return Failed(Cause.LATE, "stalled in the middle of the answer", error, Verdict.FAULTY)
    return Failed(Cause.BROKEN_OFF, "answer broken off in the middle", UpstreamFailed(LOST))
