"""One request and its answer, as an ASGI application sees them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

from starlette.types import Message, Scope

from .head import VALUE, Head, lower_name

# A piece of an answer of at least so many bytes is not joined to what frames it: that would copy it.
_LARGE = 1 << 16

# The most pieces of a body that are kept apart: each takes some memory, however small it is.
_PIECES = 64

_SERVER = b"server: parley\r\n"


class Client(Protocol):
    """The connection of a cycle, as far as it is used here."""

    # Whether there is nobody to send to.
    closed: bool
    # Whether what was written last has not been taken yet.
    write_paused: bool
    loop: asyncio.AbstractEventLoop

    def write(self, *parts: bytes) -> None: ...
    async def drain(self) -> None: ...
    def wants_more(self) -> None:
        """Read on, since the application has taken what has arrived of the body."""

    def is_last(self) -> bool:
        """Return whether the connection is closed after the answer, whatever the request says."""


class Cycle:
    """``receive`` and ``send`` are ASGI's. ``buffered`` is the number of bytes of the body that the application has not
    taken, and ``whole`` tells whether all have arrived. ``started`` and ``complete`` tell how far the answer is;
    ``last``: the connection must be closed after it. For a log there are ``status``, ``headers``, ``sent``, the bytes
    of the body of the answer, and ``began``, by the clock of the loop."""

    __slots__ = (
        "_chunked",
        "_client",
        "_ended",
        "_expects",
        "_left",
        "_pieces",
        "_prefix",
        "_waiter",
        "_without_body",
        "began",
        "buffered",
        "complete",
        "head",
        "headers",
        "last",
        "scope",
        "sent",
        "started",
        "status",
        "whole",
    )

    def __init__(self, client: Client, head: Head, scope: Scope) -> None:
        self.head, self.scope = head, scope
        self._client = client
        self.began = client.loop.time()
        self._pieces: list[bytes] = []
        self.buffered = 0
        # Whether the whole body has arrived, and whether the application knows.
        self.whole = self._ended = False
        self._expects = head.expects
        self._waiter: asyncio.Future[None] | None = None
        self.status = 500
        self.headers: Iterable[tuple[bytes, bytes]] = ()
        self.sent = 0
        self.started = self.complete = False
        self.last = head.closes
        # The answer's head, until the first piece of its body goes with it.
        self._prefix = b""
        self._chunked = self._without_body = False
        # Bytes that the answer must still have, if it has said how many.
        self._left: int | None = None

    @property
    def unsent(self) -> bool:
        """Whether nothing of an answer has been sent."""
        return not self.started or bool(self._prefix)

    def feed(self, data: bytes) -> None:
        """Take a piece of the body."""
        if data:
            self._expects = False
            if len(self._pieces) == _PIECES:
                self._pieces[:] = [b"".join(self._pieces)]
            self._pieces.append(data)
            self.buffered += len(data)
            self.wake()

    def end_body(self) -> None:
        """Note that all of the body has arrived."""
        self.whole = True
        self._expects = False
        self.wake()

    def wake(self) -> None:
        """Wake up an application that waits in ``receive``, also when the connection has been lost."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> Message:
        client = self._client
        while not client.closed:
            if self._pieces:
                body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
                self._pieces.clear()
                self.buffered = 0
                client.wants_more()
                self._ended = self.whole
                return {"type": "http.request", "body": body, "more_body": not self.whole}
            if self.whole and not self._ended:
                self._ended = True
                return {"type": "http.request", "body": b"", "more_body": False}
            if self.whole and self.complete:
                break
            if self._expects:
                self._expects = False
                client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._waiter = client.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a part of the answer; wait until the client has taken it.

        Raises:
            ValueError: a header is not allowed in HTTP.
            RuntimeError: nothing can be sent after what was sent before.
        """
        client = self._client
        if client.closed:
            # Others get their turn, whatever the application goes on to send.
            await asyncio.sleep(0)
            return
        if message["type"] == "http.response.body":
            if self.complete or not self.started:
                raise RuntimeError("a piece of an answer before its head, or after its end")
            more = message.get("more_body", False)
            self._write(message.get("body", b""), more)
            if client.write_paused:
                await client.drain()
            if not more:
                self.complete = True
                self.last |= bool(self._left)  # the client waits for more
                self.wake()
        elif message["type"] == "http.response.start":
            if self.started:
                raise RuntimeError("an answer has one head")
            self._begin(message["status"], message.get("headers", ()))
        else:
            raise RuntimeError("neither the head of an answer nor a piece of its body")

    def _begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        none_allowed = status == 204 or status < 200
        without_body = none_allowed or status == 304 or self.head.method == b"HEAD"
        lines, names, left = [_status_line(status)], set[bytes](), None
        for name, value in headers:
            lower = lower_name(name)
            if not lower or value.translate(None, VALUE):
                raise ValueError("a header that HTTP does not allow")
            if lower == b"transfer-encoding" or (lower == b"content-length" and none_allowed):
                continue  # how an answer is framed is decided here
            if lower == b"content-length":
                if left is not None or not value.isdigit():
                    raise ValueError("not one length")
                left = int(value)
            elif lower == b"connection":
                self.last |= b"close" in value.lower()
            names.add(lower)
            lines += (name, b": ", value, b"\r\n")
        if left is None and not without_body:
            self._chunked = self.head.minor > 0
            if self._chunked:
                lines.append(b"transfer-encoding: chunked\r\n")
            else:
                self.last = True  # its end is that of the connection
        # A client that waits to be asked for the body may send it nevertheless, or not.
        self.last = self.last or self._expects or self._client.is_last()
        if b"server" not in names:
            lines.append(_SERVER)
        if b"date" not in names:
            lines.append(date_line())
        if b"connection" not in names:
            if self.last:
                lines.append(b"connection: close\r\n")
            elif not self.head.minor:
                lines.append(b"connection: keep-alive\r\n")  # older clients would wait for the end
        lines.append(b"\r\n")
        self.started, self.status, self.headers = True, status, headers
        self._expects = False  # the client need not send the body any more
        self._without_body, self._left = without_body, None if without_body else left
        self._prefix = b"".join(lines)

    def _write(self, body: bytes, more: bool) -> None:
        prefix, self._prefix = self._prefix, b""
        if self._without_body:
            body = b""
        elif self._left is not None:
            # What exceeds the length would be taken for the next answer.
            body = body[: self._left]
            self._left -= len(body)
        size = len(body)
        self.sent += size
        if self._chunked:
            before = b"%b%x\r\n" % (prefix, size) if size else prefix
            after = (b"\r\n" if size else b"") + (b"" if more else b"0\r\n\r\n")
        else:
            before, after = prefix, b""
        if size >= _LARGE:
            self._client.write(before, bytes(body), after)
        elif before or size or after:
            if more and not size:
                self._prefix = before  # goes with the first piece
            else:
                self._client.write(b"%b%b%b" % (before, body, after))


class _Date:
    """The header with the time, made once a second."""

    def __init__(self) -> None:
        self._made, self._line = 0, b""

    def line(self) -> bytes:
        now = int(time.time())
        if now != self._made:
            self._made, self._line = now, b"date: %b\r\n" % formatdate(now, usegmt=True).encode()
        return self._line


date_line = _Date().line
_status_lines: dict[int, bytes] = {}
# RFC 9110's, where Python's table before 3.13 has older ones.
_PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


def _status_line(status: int) -> bytes:
    line = _status_lines.get(status)
    if line is None:
        line = _status_lines[status] = f"HTTP/1.1 {status} {reason(status)}\r\n".encode()
    return line


def reason(status: int) -> str:
    """Return the phrase that goes with a status."""
    if status in _PHRASES:
        return _PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
