"""Sends the events of a stream. It fills silences with comments, so that proxies keep the connection open, and
disconnects a client that does not read, whose stream would otherwise occupy a place in the engine forever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import Send

from . import sse

# The most events that are written at once.
_MOST = 32


class EventWriter:
    """Writes to one client. ``ping_interval`` and ``write_timeout`` are in seconds; when a write takes longer than the
    latter, ``give_up`` is called. ``ping`` is sent to fill a silence; if it is empty, nothing is sent."""

    def __init__(
        self,
        send: Send,
        ping_interval: float,
        write_timeout: float,
        give_up: Callable[[], None],
        ping: bytes = sse.PING,
    ) -> None:
        self.silence_filler = ping
        self.send, self.ping_interval, self.write_timeout, self.give_up = send, ping_interval, write_timeout, give_up
        self.loop = asyncio.get_running_loop()
        self.last = self.loop.time()  # when the last write began
        self.writing = False
        self.timer: asyncio.TimerHandle | None = None
        self.ping: asyncio.Task[None] | None = None
        self._waiting: list[bytes] = []

    def add(self, body: bytes) -> bool:
        """Buffer ``body`` until the next `flush`. Return whether enough is buffered to write it now, even if more
        events are ready."""
        self._waiting.append(body)
        return len(self._waiting) >= _MOST

    async def flush(self, *, more: bool = True) -> None:
        """Write what was added since the last flush."""
        waiting = self._waiting
        if waiting:
            body = waiting[0] if len(waiting) == 1 else b"".join(waiting)
            waiting.clear()
            # As `write`, which would be one more coroutine for each event.
            self.last = self.loop.time()
            self.writing = True
            await self.send({"type": "http.response.body", "body": body, "more_body": more})
            self.writing = False

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        self._look_again()

    async def write(self, body: bytes) -> None:
        """Write ``body`` at once."""
        self.last = self.loop.time()
        self.writing = True
        await self.send({"type": "http.response.body", "body": body, "more_body": True})
        self.writing = False

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.ping is not None:
            self.ping.cancel()

    def _look_again(self) -> None:
        wait = min(self.write_timeout, self.ping_interval)
        self.timer = self.loop.call_at(max(self.last + wait, self.loop.time() + wait / 10), self._look)

    def _look(self) -> None:
        silence = self.loop.time() - self.last
        if self.writing and silence >= self.write_timeout:
            self.give_up()
            return
        if self.silence_filler and not self.writing and silence >= self.ping_interval:
            self.ping = self.loop.create_task(self.write(self.silence_filler))
        self._look_again()
