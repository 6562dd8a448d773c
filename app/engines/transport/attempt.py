"""One attempt at one replica: sends the request, applies the timeout of each step, and classifies failures."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass

from ...errors import EngineUnavailable, UpstreamFailed, UpstreamTimeout
from .failures import LATE, LOST, UNREACHABLE, UNUSABLE, Cause, Failed, Verdict, failed_by_status
from .http.answer import Answer, Times
from .http.client import Client
from .http.errors import HttpError, Late, Lost, Malformed, NotConnected
from .http.request import Fields, Target
from .options import Timeouts

_LARGEST_ERROR = 64 << 10  # bytes of an error's body that are read
# The errors of the first write to a connection that was never accepted.
_NEVER_CONNECTED = frozenset({errno.ENOTCONN, errno.ECONNREFUSED, errno.ENOENT, errno.EAGAIN})


@dataclass(slots=True)
class HttpRequest:
    """``body`` is posted; without one the target is got. ``deadline`` is that of the whole request, by the event loop's
    clock; ``secrets`` must not appear in errors."""

    target: Target
    fields: Fields
    body: bytes | None
    deadline: float
    timeouts: Timeouts
    secrets: tuple[str, ...] = ()


class HttpResponse:
    """An answer with status 2xx whose first bytes have arrived."""

    def __init__(self, answer: Answer, first: bytes) -> None:
        self.content_type = answer.field(b"content-type").partition(";")[0].strip().lower()
        self.first = first
        # As those of `Answer`; what `read` raises is understood by `failed_reading`.
        self.read, self.close, self.leave = answer.read, answer.close, answer.leave

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
            try:
                piece = await self.read()
            except HttpError as error:
                raise failed_reading(error) from None
        return b"".join(pieces)


async def send(http: Client, request: HttpRequest) -> HttpResponse:
    """Send a request and wait for the first bytes of the answer.

    Raises:
        Failed: the connection fails, the answer is invalid or late, or its status is not 2xx.
    """
    now = asyncio.get_running_loop().time()
    timeouts = request.timeouts
    times = Times(now + timeouts.connect, now + timeouts.first_byte, timeouts.idle, request.deadline)
    answer: Answer | None = None
    try:
        answer = await http.request(request.target, request.fields, request.body, times)
        if not 200 <= answer.status < 300:
            raise await _failed_by_status(answer, request.secrets)
        return HttpResponse(answer, await answer.read())
    except BaseException as error:
        if answer is not None:
            answer.close()
        if isinstance(error, HttpError):
            raise _failed_opening(error, begun=answer is not None) from None
        raise


def unusable(reason: str) -> Failed:
    """Return the failure for an answer that breaks the protocol or a limit."""
    return Failed(Cause.UNUSABLE, reason, UpstreamFailed(UNUSABLE), Verdict.FAULTY)


async def _failed_by_status(answer: Answer, secrets: tuple[str, ...]) -> Failed:
    body = bytearray()
    try:
        while len(body) <= _LARGEST_ERROR and (piece := await answer.read()):
            body += piece
    except (Lost, Malformed):
        pass  # the status says enough
    answer.close()
    return failed_by_status(answer.status, answer.fields, bytes(body[:_LARGEST_ERROR]), secrets)


def _failed_opening(error: HttpError, *, begun: bool) -> Failed:
    if isinstance(error, NotConnected):
        # The peer may be an impostor, so there is no retry.
        return _unreachable(error.reason, repeatable=not error.untrusted)
    if isinstance(error, Lost) and error.errno in _NEVER_CONNECTED:
        return _unreachable(f"no connection: {errno.errorcode[error.errno]}")
    if isinstance(error, Late):
        # The first byte of a non-streamed answer arrives once it is complete, which takes long for many tokens.
        return Failed(Cause.LATE, "no first byte in time", UpstreamTimeout(LATE), Verdict.FAULTY)
    if isinstance(error, Malformed):
        return Failed(Cause.UNUSABLE, "the answer is not HTTP", UpstreamFailed(UNUSABLE))
    reason = f"connection lost before the {'body' if begun else 'answer'} began"
    return Failed(Cause.LOST, reason, UpstreamFailed(LOST), repeatable=True)


def _unreachable(reason: str, *, repeatable: bool = True) -> Failed:
    return Failed(Cause.UNREACHABLE, reason, EngineUnavailable(UNREACHABLE), Verdict.GONE, repeatable=repeatable)


def failed_reading(error: HttpError) -> Failed:
    """Return the failure for an error after the first bytes of an answer."""
    if isinstance(error, Late):
        return Failed(Cause.LATE, "stalled in the middle of the answer", UpstreamTimeout(LATE), Verdict.FAULTY)
    return Failed(Cause.BROKEN_OFF, "answer broken off in the middle", UpstreamFailed(LOST))
