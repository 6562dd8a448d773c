"""An answer that is arriving, or will: its head, its body piece by piece, and the time that it may take."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from .coding import Decoder
from .errors import HttpError, Late

# Bytes of a body that wait for the reader; beyond them, reading from the connection pauses.
_MOST_WAITING = 1 << 16

# Seconds to wait for the end of an answer that its reader has left, so that the connection can be reused.
_TAIL_SECONDS = 1.0


class Source(Protocol):
    """The connection on which an answer arrives."""

    def pause(self) -> None:
        """Read no more for the moment."""

    def resume(self) -> None:
        """Go on reading."""

    def abort(self) -> None:
        """Close the connection at once."""


@dataclass(slots=True)
class Times:
    """By the event loop's clock: when a connection must be there, when the body of the answer must begin, and when the
    answer must be complete. ``idle`` is in seconds: the longest wait for the next part of the body."""

    connected: float
    begun: float
    idle: float
    complete: float


class Answer:
    """``status`` and the header fields are known after `head`. Exactly one task may read. In the end `close` must be
    called, or `leave`.

    The idle time runs only while `read` waits, not while the reader is busy; the time for the whole answer always runs.
    """

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop, times: Times) -> None:
        self.status = 0
        self._fields: Mapping[bytes, bytes] = {}
        self._source: Source | None = source
        self._loop = loop
        self._times = times
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = self._complete = self._begun = self._left = False
        self._decoder: Decoder | None = None
        self._error: HttpError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._since = 0.0  # when `read` began to wait for a further piece; 0 while it does not wait
        self._timer: asyncio.TimerHandle | None = loop.call_at(min(times.begun, times.complete), self._tick)

    @property
    def closed(self) -> bool:
        """Whether nothing more is to arrive."""
        return self._source is None

    def field(self, name: bytes) -> str:
        """Return the value of a header field, empty if there is none; ``name`` is in lower case."""
        return self._fields.get(name, b"").decode("latin-1").strip()

    @property
    def fields(self) -> dict[str, str]:
        """All header fields, with names in lower case; of several of one name the first."""
        return {name.decode("latin-1"): self.field(name) for name in self._fields}

    async def head(self) -> None:
        """Wait for the status and the header fields.

        Raises:
            HttpError: the connection fails, or the answer is invalid or late.
        """
        while not self.status:
            if self._error is not None:
                raise self._error
            self._waiter = self._loop.create_future()
            await self._waiter

    async def read(self) -> bytes:
        """Return the next bytes of the body, empty at its end; raises as `head`."""
        while True:
            if self._decoder is not None and (data := self._decoder.read()):
                return data
            if self._pieces:
                pieces = self._pieces
                data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                pieces.clear()
                self._size = 0
                if self._paused:
                    self._resume()
                if self._decoder is None:
                    return data
                self._decoder.feed(data)
            elif self._error is not None:
                raise self._error
            elif self._complete:
                if self._decoder is not None:
                    self._decoder.end()
                return b""
            else:
                if self._begun:
                    self._since = self._loop.time()
                self._waiter = self._loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._since = 0.0

    def close(self) -> None:
        """Close the connection, unless the answer has arrived as a whole or was left."""
        if self._source is not None and not self._left:
            self._abort()

    def leave(self) -> None:
        """Read no more. The end of the answer has a second to arrive, so that the connection can be reused."""
        self._pieces.clear()
        if self._source is None or self._left:
            return
        self._left = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_TAIL_SECONDS, self._abort)
        self._resume()

    def begin(self, status: int, fields: Mapping[bytes, bytes]) -> None:
        """Note the head. Called by the connection, as are the next three.

        Raises:
            Malformed: the body has a content coding that is not supported.
        """
        self._fields = fields
        if b"content-encoding" in fields:
            coding = self.field(b"content-encoding").lower()
            if coding not in ("identity", ""):
                self._decoder = Decoder(coding)
        self.status = status
        self._wake()

    def feed(self, pieces: list[bytes]) -> None:
        """Note some of the body."""
        if self._left:
            return
        if not self._begun:
            self._begun = True
            due = self._loop.time() + self._times.idle
            if self._timer is not None and due < self._timer.when():
                self._timer.cancel()
                self._timer = self._loop.call_at(due, self._tick)
        self._pieces += pieces
        self._size += sum(map(len, pieces))
        if self._size > _MOST_WAITING and not self._paused and self._source is not None:
            self._paused = True
            self._source.pause()
        self._wake()

    def finish(self) -> None:
        """Note the end of the body."""
        self._complete = True
        self._let_go()

    def fail(self, error: HttpError) -> None:
        """Note that no more will arrive. What has arrived is read first."""
        self._error = self._error or error
        self._let_go()

    def _resume(self) -> None:
        if self._paused and self._source is not None:
            self._paused = False
            self._source.resume()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _let_go(self) -> None:
        self._source = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()

    def _abort(self) -> None:
        source = self._source
        self._let_go()
        if source is not None:
            source.abort()

    def _tick(self) -> None:
        now, times = self._loop.time(), self._times
        due = times.begun
        if self._begun:
            due = (self._since or now) + times.idle
        due = min(due, times.complete)
        if now < due:
            self._timer = self._loop.call_at(due, self._tick)
            return
        self._error = self._error or Late("the answer is late")
        self._abort()
