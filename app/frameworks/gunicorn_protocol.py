"""The undocumented behaviour of a connection of gunicorn's asgi worker that we rely on:

- A connection is an `ASGIProtocol` of a worker. ``_awaiting_request`` is true while it waits for the head of a request.
  ``_finishing_calls`` are requests that are answered and still run. ``_request_ready`` is an event that ends the wait.
  ``_on_headers_complete`` is called with each head, whose fields are in ``_callback_parser.headers``, with names in
  lower case. While the body of a request with a Content-Length is read, the ``_state`` of its `PythonProtocol` is
  ``body`` and its ``_body_remaining`` the number of bytes that have not come; what has come goes from its ``_buffer``
  to ``_on_body``, and the end of the body is its own affair. ``_is_websocket_upgrade`` is called for each request that
  may be one. ``_arm_keepalive_timer`` is called when the connection begins to wait for another request.
- The HTTP server refuses a request with ``_send_error_response(status, message, extra_headers)`` and
  ``_close_transport()``, which sets ``_closed``. It does so for the parser's own exceptions, among them
  `UnsupportedTransferCoding`. ``_safe_write`` writes to a client that may have disconnected.
- While the transport has paused the protocol with ``pause_writing``, the application's ``send`` waits; it does nothing
  if ``_closed`` is true. ``_http1_buffered`` is the number of bytes that were read and not consumed yet; beyond
  ``_max_buffer_size`` bytes, reading stops.
- ``_build_http_scope`` makes the scope of each request.
- gunicorn's protocol gets what is read with ``data_received``; ``_reading_paused`` says whether it has paused reading,
  which it does with ``_pause_reading``.
- Event loops read into the buffer of a protocol that is an `asyncio.BufferedProtocol` (uvloop: and no
  `asyncio.Protocol`), at most as much as fits, and call it before they read again. asyncio then serves others first,
  uvloop only once there is no more, or reading is paused.
"""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Sequence
from http import HTTPStatus

from gunicorn.asgi.parser import PythonProtocol, UnsupportedTransferCoding
from gunicorn.asgi.protocol import ASGIProtocol
from starlette.types import Scope

from .connections import Connections
from .holding import HOLD
from .listener import LISTENER

# Seconds within which the head of a connection's first request must arrive.
_HEAD_SECONDS = 60.0

# Seconds within which a client must read the rest of an answer and close the connection after we have closed it.
_FLUSH_SECONDS = 10.0

# Seconds for which a stopping worker waits for an expected request.
_DUE_SECONDS = 1.0

# Bytes that are read from a socket at a time. All of it is parsed at a time: with chunks of one byte, this much takes
# milliseconds.
_READ_AT_ONCE = 1 << 14

# Bytes that are read ahead: of the body of a request, or of the requests after it. A body that has no chunks is read in
# pieces of this size.
READ_AHEAD = 1 << 16

# The approximate memory of a request that is being served, in bytes, including the piece of its answer that waits.
_REQUEST = 1 << 15


class Owner(typing.Protocol):
    """The worker of a connection."""

    loop: asyncio.AbstractEventLoop
    connections: Connections[Protocol]
    # Seconds within which a client must read a piece of an answer.
    write_timeout: float
    # What connections read into: what is read is parsed before anything else is read.
    buffer: memoryview

    def refusal(self, status: int) -> tuple[Sequence[tuple[str, str]], bytes]:
        """Return headers and body of the answer to a request that never reaches the application."""


class Protocol(ASGIProtocol):
    """One connection. ``listener`` is the name of the socket on which it was accepted."""

    worker: Owner
    transport: asyncio.Transport
    _closed: bool

    def __init__(self, worker: Owner, listener: object = None) -> None:
        super().__init__(worker)
        self._listener = listener
        self._max_buffer_size = READ_AHEAD
        self._write_timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._admitted = self._refused = False
        # Whether a request is expected: the first one of the connection, or one that has arrived in part.
        self._due = True
        # Bytes of answers that the application keeps until the client has read them.
        self._answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # A single unread byte pauses writing, so the application waits until each piece of its answer has been read.
        # (With 0 asyncio's TLS would wait forever.)
        self.transport.set_write_buffer_limits(high=1)
        self._admitted = self.worker.connections.admit(self)
        seconds = _HEAD_SECONDS if self._admitted else _FLUSH_SECONDS
        self._head_timer = self.worker.loop.call_later(seconds, self._head_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer.cancel()
        if self._close_timer is not None:
            self._close_timer.cancel()
        self.worker.connections.lost(self)
        super().connection_lost(exc)
        # Wakes up whatever waits to write to the client, so that it need not wait to be cancelled.
        self.resume_writing()

    @property
    def idle(self) -> bool:
        """Whether no request is being served."""
        if self._closed:
            return self._refused
        return bool(self._awaiting_request) and not self._finishing_calls

    @property
    def held(self) -> int:
        return self.transport.get_write_buffer_size() + int(self._http1_buffered()) + self._answers + _REQUEST

    @property
    def readable(self) -> int:
        """The number of bytes that may be read at a time."""
        parser = self._callback_parser
        # gunicorn has another parser, in C, if that is installed.
        if not isinstance(parser, PythonProtocol) or parser._state != "body":
            return _READ_AT_ONCE
        room = READ_AHEAD - int(self._http1_buffered())
        return max(_READ_AT_ONCE, min(room, int(parser._body_remaining)))

    def hold(self, size: int) -> None:
        """Note that the application holds ``size`` more bytes of an answer; a negative number: fewer bytes."""
        self._answers += size
        self.worker.connections.changed(self)

    def end(self) -> None:
        """Close the connection, which is idle."""
        if self._closed:
            self.drop()  # the client was refused, and has not closed the connection yet
        self._close_transport()

    def stop(self) -> None:
        """Close the connection as soon as no request is being served or expected. Data that a client sends to a closed
        connection is lost, and a client that has just connected has no reason to expect that."""
        if self.idle and self._due:
            self.worker.loop.call_later(_DUE_SECONDS, self._end_if_idle)
        else:
            self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self.idle:
            self.end()

    def drop(self) -> None:
        self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.worker.loop.call_later(self.worker.write_timeout, self.drop)
        self.worker.connections.stuck(self)

    def resume_writing(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
        self.worker.connections.reading(self)
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        self._due = True
        try:
            if not self._goes_on(data):
                super().data_received(data)
            self.worker.connections.changed(self)
        except ValueError:
            # The parser reads numbers with `int`, which raises an error for thousands of digits.
            self._send_error_response(400, "")
            self._close_transport()

    def _goes_on(self, data: bytes) -> bool:
        """Take what belongs to the middle of a body without the parser, which would copy it three times. Return whether
        it does."""
        parser = self._callback_parser
        if not isinstance(parser, PythonProtocol) or parser._state != "body" or parser._buffer:
            return False
        if len(data) >= parser._body_remaining:
            return False
        parser._body_remaining -= len(data)
        self._on_body(data)
        if not self._reading_paused and self._http1_buffered() > self._max_buffer_size:
            self._pause_reading()
        return True

    def _close_transport(self) -> None:
        if self._closed:
            return
        if self._refused and self.transport.can_write_eof():
            # If the connection were reset, a client that is still sending would lose the answer.
            self._closed = True
            self.transport.write_eof()
            self.worker.connections.idle(self)
        else:
            super()._close_transport()
        # Without this timer, unread data would be held for as long as the client likes.
        self._close_timer = self.worker.loop.call_later(_FLUSH_SECONDS, self.drop)
        # Wakes up the connection's task, so that it need not wait to be cancelled.
        if self._request_ready is not None:
            self._request_ready.set()

    def _is_websocket_upgrade(self, request: object) -> bool:
        return False  # WebSockets are not supported: the request is answered as the plain one that it also is

    def _on_headers_complete(self) -> object:
        self._head_timer.cancel()
        if not self._admitted:
            self._send_error_response(503, "", (("retry-after", "1"),))
            self.end()
            return True
        self.worker.connections.busy(self)
        for name, value in self._callback_parser.headers:
            # The parser accepts codings that nothing here decodes.
            if name == b"transfer-encoding" and value.strip(b" \t").lower() != b"chunked":
                raise UnsupportedTransferCoding("")
        return super()._on_headers_complete()

    def _build_http_scope(self, request: object, sockname: object, peername: object) -> Scope:
        scope: Scope = super()._build_http_scope(request, sockname, peername)
        extensions = scope.setdefault("extensions", {})
        extensions[HOLD] = self.hold
        extensions[LISTENER] = self._listener
        return scope

    def _arm_keepalive_timer(self) -> None:
        super()._arm_keepalive_timer()
        self._due = False
        self.worker.connections.idle(self)

    def _head_timeout(self) -> None:
        if self.idle:
            self._send_error_response(408, "")
            self.end()

    def _send_error_response(self, status: int, message: str, extra_headers: Sequence[tuple[str, str]] = ()) -> None:
        # ``message`` is not used, because it may quote the request.
        self._refused = True
        headers, body = self.worker.refusal(status)
        lines = [
            # 414 has another name in Python's table before 3.13.
            f"HTTP/1.1 {status} {'URI Too Long' if status == 414 else HTTPStatus(status).phrase}",
            *(f"{name}: {value}" for name, value in (*headers, *extra_headers)),
            "connection: close",
        ]
        self._safe_write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


class Bounded(asyncio.BufferedProtocol):
    """Stands between an event loop and a connection: no more than the connection wants is read at a time, and others
    are served before more is read."""

    def __init__(self, connection: Protocol) -> None:
        self.connection = connection
        self._offered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connection.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.connection_lost(exc)

    def eof_received(self) -> bool | None:
        keep: bool | None = self.connection.eof_received()
        return keep

    def pause_writing(self) -> None:
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        self.connection.resume_writing()

    def get_buffer(self, sizehint: int) -> memoryview:
        self._offered = self.connection.readable
        return self.connection.worker.buffer[: self._offered]

    def buffer_updated(self, nbytes: int) -> None:
        connection = self.connection
        connection.data_received(bytes(connection.worker.buffer[:nbytes]))
        if nbytes == self._offered and not connection.transport.is_closing() and not connection._reading_paused:
            # There may be more.
            connection.transport.pause_reading()
            connection.worker.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if not self.connection.transport.is_closing() and not self.connection._reading_paused:
            self.connection.transport.resume_reading()
