"""A connection of a client, on which one request after the other is served.

It is bounded in all that a client can take: the time until the head of a request, the time to read an answer, what is
read ahead, and what is held in memory.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import cast

from .chunked import ChunkedBody
from .cycle import Cycle, date_line, reason
from .deadline import Deadline
from .head import Head, HeadReader, Refused
from .holding import HOLD
from .listener import LISTENER
from .scope import Scopes
from .server import Server
from .sized import SizedBody

# Seconds within which the head of a request must arrive: from the beginning of a connection, or the head's first byte.
_HEAD_SECONDS = 60.0

# Seconds within which a client must read the rest of an answer and close the connection after we have closed it.
_FLUSH_SECONDS = 10.0

# Seconds for which a stopping worker waits for an expected request, or for a client to close its connection.
_DUE_SECONDS = 1.0

# Bytes that are read from a socket at a time. All of it is parsed at a time: with chunks of one byte, this much takes
# milliseconds.
_READ_AT_ONCE = 1 << 14

# Bytes that are read ahead: of the body of a request, or of the requests after it. A body that has no chunks is read in
# pieces of this size.
READ_AHEAD = 1 << 16

# The approximate memory of a request that is being served, in bytes, including the piece of its answer that waits.
_REQUEST = 1 << 15


class Connection(asyncio.BufferedProtocol):
    """``listener`` is the name of the socket on which it was accepted. ``closed``: there is nobody to send to;
    ``write_paused``: the client has not read all that it was sent."""

    __slots__ = (
        "_admitted",
        "_ahead",
        "_answers",
        "_body",
        "_close_timer",
        "_context",
        "_cycle",
        "_due",
        "_head_due",
        "_heads",
        "_lingering",
        "_listener",
        "_offered",
        "_reading_paused",
        "_scopes",
        "_served",
        "_server",
        "_task",
        "_writable",
        "_write_timer",
        "closed",
        "loop",
        "transport",
        "write_paused",
    )

    def __init__(self, server: Server, listener: object = None) -> None:
        self._server, self._listener = server, listener
        self.loop = server.loop
        self.transport: asyncio.Transport
        self._heads = HeadReader(server.limits)
        # The request that is served, and the task in which the application answers it.
        self._cycle: Cycle | None = None
        self._task: asyncio.Task[None] | None = None
        # The body of that request.
        self._body: SizedBody | ChunkedBody = SizedBody(0)
        # What has arrived of the requests after this one.
        self._ahead = b""
        # How many bytes might be read last time.
        self._offered = 0
        self._reading_paused = self.write_paused = self.closed = False
        # Made when something waits for it.
        self._writable: asyncio.Event | None = None
        # When the next request must have begun.
        self._head_due = Deadline(self.loop)
        self._write_timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        # Lingering: closed in one direction only, until the client has closed the connection, too.
        self._admitted = self._lingering = self._served = False
        # Whether a request is expected: the first one of the connection, or one that has arrived in part.
        self._due = True
        # Bytes of answers that the application keeps until the client has read them.
        self._answers = 0

    # -- the event loop's side ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        # Each request begins with a copy of it, so that none sees what the application has set for another. What
        # outlives a request is done in it, since timers keep the context in which they were made, and thus the request.
        self._context = contextvars.copy_context()
        self._scopes = Scopes(self._server, transport)
        # A single unread byte pauses writing, so the application waits until each piece of its answer has been read.
        # (With 0 asyncio's TLS would wait forever.)
        self.transport.set_write_buffer_limits(high=1)
        self._server.opened()
        self._admitted = self._server.connections.admit(self)
        self._head_due.set(_HEAD_SECONDS if self._admitted else _FLUSH_SECONDS, self._no_head)
        if self._server.stopping:
            self.stop()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._head_due.cancel()
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._server.connections.lost(self)
        self._server.lost()
        # Wakes up whatever waits for the client.
        self.resume_writing()
        if self._cycle is not None and self._task is not None:
            self._cycle.wake()
            self.loop.call_later(self._server.grace, self._task.cancel)

    def get_buffer(self, sizehint: int) -> memoryview:
        room = min(READ_AHEAD - self._buffered, self._body.awaited)
        self._offered = max(_READ_AT_ONCE, room)
        return self._server.buffer[: self._offered]

    def buffer_updated(self, nbytes: int) -> None:
        if not self.closed:
            self.received(bytes(self._server.buffer[:nbytes]))
        if nbytes == self._offered and not self.transport.is_closing() and not self._reading_paused:
            # There may be more; others are served first.
            self.transport.pause_reading()
            self.loop.call_soon(self._read_on)

    def pause_writing(self) -> None:
        self.write_paused = True
        if self._writable is not None:
            self._writable.clear()
        self._write_timer = self.loop.call_later(self._server.write_timeout, self.drop)
        self._server.connections.stuck(self)

    def resume_writing(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
        self.write_paused = False
        self._server.connections.reading(self)
        if self._lingering:
            self._server.connections.idle(self)
        if self._writable is not None:
            self._writable.set()

    def received(self, data: bytes) -> None:
        """Take what has been read."""
        if self.closed:
            return
        self._due = True
        begun = self._heads.begun
        self._take(data)
        if not self.closed:
            if self._served and self._heads.begun and not begun:
                self._head_due.set(_HEAD_SECONDS, self._no_head)
            if not self._reading_paused and self._buffered > READ_AHEAD:
                self._reading_paused = True
                self.transport.pause_reading()
        self._server.connections.changed(self)

    def _resume(self) -> None:
        if self._reading_paused and self._buffered <= READ_AHEAD:
            self._reading_paused = False
            self._read_on()

    def _read_on(self) -> None:
        if not self._reading_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    # -- the worker's side -------------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether no request is being served, or the client has its answer, possibly a refusal while the application
        still runs, and is only given the time to close."""
        return self._lingering and not self.write_paused if self.closed else self._cycle is None

    @property
    def held(self) -> int:
        return self.transport.get_write_buffer_size() + self._buffered + self._answers + _REQUEST

    def hold(self, size: int) -> None:
        """Note that the application holds ``size`` more bytes of an answer; a negative number: fewer bytes."""
        self._answers += size
        self._server.connections.changed(self)

    def end(self) -> None:
        """Close the connection, which is idle."""
        if self.closed:
            self.drop()  # the client was refused, and has not closed the connection yet
        self._close()

    def stop(self) -> None:
        """Close the connection as soon as no request is being served or expected. Data that a client sends to a closed
        connection is lost, and a client that has just connected has no reason to expect that."""
        if self.idle and self._due:
            self.loop.call_later(_DUE_SECONDS, self._end_if_idle)
        else:
            self._end_if_idle()

    def drop(self) -> None:
        self.transport.abort()

    def _end_if_idle(self) -> None:
        if self.idle:
            self.end()

    # -- the application's side --------------------------------------------------------------------------------------

    def write(self, *parts: bytes) -> None:
        if self.transport.is_closing():
            return
        if len(parts) == 1:
            self.transport.write(parts[0])
        else:
            self.transport.writelines(parts)

    async def drain(self) -> None:
        if self._writable is None:
            self._writable = asyncio.Event()
        await self._writable.wait()

    def wants_more(self) -> None:
        if self._reading_paused:
            self._context.run(self._resume)

    def is_last(self) -> bool:
        return self._server.last

    # -- requests ----------------------------------------------------------------------------------------------------

    @property
    def _buffered(self) -> int:
        """The bytes that were read and not consumed yet."""
        return len(self._ahead) + (0 if self._cycle is None else self._cycle.buffered)

    def _take(self, data: bytes) -> None:
        try:
            while data and not self.closed:
                cycle = self._cycle
                if cycle is None:
                    found = self._heads.read(data)
                    if found is None:
                        break
                    head, data = found
                    self._begin(head)
                elif cycle.whole:
                    self._ahead += data
                    break
                else:
                    piece, data = self._body.feed(data)
                    cycle.feed(piece)
                    if self._body.complete:
                        cycle.end_body()
        except Refused as refused:
            self._refuse(refused.status)

    def _begin(self, head: Head) -> None:
        if not self._admitted:
            self._refuse(503)
            return
        scope = self._scopes.scope(head, {HOLD: self.hold, LISTENER: self._listener})
        cycle = self._cycle = Cycle(self, head, scope)
        self._server.connections.busy(self)
        self._body = ChunkedBody(self._server.limits) if head.chunked else SizedBody(head.length)
        if self._body.complete:
            cycle.end_body()
        self._task = self.loop.create_task(self._serve(cycle), context=self._context.copy())

    async def _serve(self, cycle: Cycle) -> None:
        cut = False
        try:
            await self._server.application(cycle.scope, cycle.receive, cycle.send)
        except asyncio.CancelledError:
            # Or else the application has cancelled something of its own.
            cut = self._task is not None and self._task.cancelling() > 0
            if not (cut or cycle.complete):
                self._server.log.exception("Error in ASGI application")
            raise
        except Exception:
            if not cycle.complete:
                self._server.log.exception("Error in ASGI application")
        finally:
            self._context.run(self._finish, cycle, cut)

    def _finish(self, cycle: Cycle, cut: bool) -> None:
        """Close the connection, or go on with the next request. ``cut``: the worker does not wait for the application
        any longer."""
        self._cycle = self._task = None
        self._served = True
        if cycle.unsent and not self.closed:
            cycle.status = 503 if cut else 500
        self._server.answered(cycle)
        if self.closed:
            return
        if cycle.unsent:
            self._refuse(cycle.status)
        elif not cycle.complete:
            if not cut:
                self._server.log.error("the application has not completed its answer")
            self._close(lingering=True)
        elif cycle.last or self._server.stopping or not cycle.whole:
            # What is left of a body would be taken for another request.
            self._close(lingering=True)
        else:
            self._due = False
            ahead, self._ahead = self._ahead, b""
            if ahead:
                self.received(ahead)
            self._resume()
            if self._cycle is None and not self.closed:
                self._server.connections.idle(self)
                if not self._heads.begun:
                    self._head_due.set(self._server.keep_alive, self._no_head)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _no_head(self) -> None:
        if self._cycle is not None or self.closed:
            return
        if self._served and not self._heads.begun:
            self._close()
        else:
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Answer instead of the application, and close the connection."""
        cycle = self._cycle
        if cycle is not None:
            cycle.status = status if cycle.unsent else cycle.status
        if cycle is None or cycle.unsent:
            headers, body = self._server.refusal(status)
            lines = [f"HTTP/1.1 {status} {reason(status)}"]
            more = [("retry-after", "1")] if status == 503 else []
            lines += [f"{name}: {value}" for name, value in (*headers, *more, ("connection", "close"))]
            self.write("\r\n".join(lines).encode("latin-1") + b"\r\n" + date_line() + b"\r\n" + body)
        self._close(lingering=True)

    def _close(self, *, lingering: bool = False) -> None:
        """Close the connection once all is sent. ``lingering``: only in one direction, until the client has, too. It
        may still be sending: closed in both directions, the connection would be reset, and what the client has not read
        would be lost (RFC 9112, section 9.6)."""
        if self.closed:
            return
        self.closed, self._ahead = True, b""
        if self._cycle is not None:
            self._cycle.wake()
        # Without this timer, unread data would be held for as long as the client likes. A stop waits less for a client
        # that has nothing to read.
        nothing = self._server.stopping and not (self.write_paused or self.transport.get_write_buffer_size())
        self._close_timer = self.loop.call_later(_DUE_SECONDS if nothing else _FLUSH_SECONDS, self.drop)
        if not (lingering and self.transport.can_write_eof()):
            self.transport.close()
            return
        try:
            self.transport.write_eof()
        except OSError:  # the client has gone
            self.drop()
            return
        self._lingering = True
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
        if not self.write_paused:
            self._server.connections.idle(self)
