"""A connection to a server, on which one request after the other is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from .answer import Answer, Times
from .errors import HttpError, Lost, Malformed, Stale
from .parser import Parser

# Bytes that are read at a time. What is read is parsed before the next event, so connections share a buffer.
AT_ONCE = 1 << 16

# A request larger than this is written in pieces of this many bytes, so that the event loop can do other things.
_PIECE = 1 << 18


class Connection(asyncio.BufferedProtocol):
    """``free`` is called with the connection when it can be used for another request, and ``lost`` when it has ended,
    both not for a connection that was given up with `abort`."""

    transport: asyncio.Transport

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        buffer: bytearray,
        free: Callable[[Connection], None],
        lost: Callable[[Connection], None],
    ) -> None:
        self._loop = loop
        self._buffer = memoryview(buffer)
        self._free = free
        self._lost = lost
        self._parser = Parser()
        self._answer: Answer | None = None
        self._used = self._paused = False
        self._writer: asyncio.Task[None] | None = None
        self._drained: asyncio.Event | None = None
        self.since = 0.0  # when it became free

    def ask(self, head: bytes, body: bytes | None, times: Times) -> Answer:
        """Send a request. The connection must be free."""
        self._parser.expect()
        answer = self._answer = Answer(self, self._loop, times)
        if not self.open:
            # It ended when nobody looked.
            self._fail(Stale() if self._used else Lost())
        elif body is None or len(body) <= _PIECE:
            self.transport.write(head if body is None else head + body)
        else:
            self._writer = self._loop.create_task(self._write(head, body))
        return answer

    @property
    def open(self) -> bool:
        return not self.transport.is_closing()

    def close(self) -> None:
        """Close the connection. An answer that is arriving is told."""
        self.transport.abort()

    def pause(self) -> None:
        """As `answer.Source.pause`, as the next two."""
        self._paused = True
        self.transport.pause_reading()

    def resume(self) -> None:
        self._paused = False
        if self.open:
            self.transport.resume_reading()

    def abort(self) -> None:
        self._answer = None
        if self._writer is not None:
            self._writer.cancel()
            self._writer = None
        # Not `close`: data that a hanging server does not read would keep the connection open.
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        answer, parser = self._answer, self._parser
        if answer is None:
            self.abort()  # nobody asked
            return
        fault: Malformed | None = None
        try:
            parser.feed(self._buffer[:nbytes])
        except Malformed as error:
            fault = error  # what came before it is read first
        try:
            if parser.status and not answer.status:
                answer.begin(parser.status, parser.fields)
            if parser.pieces:
                answer.feed(parser.pieces)
                parser.pieces.clear()
        except Malformed as error:
            fault = error
        if fault is not None:
            self._fail(fault)
        elif parser.complete:
            self._finish(answer)

    def eof_received(self) -> None:
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self._lost(self)

    def pause_writing(self) -> None:
        self._drained = asyncio.Event()

    def resume_writing(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    async def _write(self, head: bytes, body: bytes) -> None:
        self.transport.write(head)
        view = memoryview(body)
        for begin in range(0, len(body), _PIECE):
            if self._drained is not None:
                await self._drained.wait()
            else:
                await asyncio.sleep(0)
            self.transport.write(view[begin : begin + _PIECE])
        self._writer = None

    def _finish(self, answer: Answer) -> None:
        """Let go of an answer that has arrived as a whole."""
        self._answer = None
        answer.finish()
        # A server that has answered before it read the request will take the rest of it for another one, or nothing.
        if self._parser.reusable and self._writer is None and not self.transport.get_write_buffer_size():
            self._used = True
            if self._paused:
                self.resume()
            self._free(self)
        else:
            self.abort()

    def _ended(self, error: Exception | None) -> None:
        answer, parser = self._answer, self._parser
        if answer is None:
            self.abort()
        elif error is None and parser.ends():
            self.abort()
            answer.finish()
        else:
            number = error.errno if isinstance(error, OSError) else None
            self._fail(Stale(number) if self._used and not parser.begun else Lost(number))

    def _fail(self, error: HttpError) -> None:
        answer = self._answer
        self.abort()
        if answer is not None:
            answer.fail(error)
