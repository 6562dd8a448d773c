"""Accepts connections from a socket that several workers listen on.

Requests carry the name of the socket on which their connection was accepted: `listener_of`.

At a wake-up, asyncio's own server accepts as many connections as the kernel may queue, so the worker that wakes up
first gets a whole burst. Without a free file descriptor it fails as many times, with a traceback each.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.types import Scope

# The key in the extensions of a scope. Clients cannot write there.
LISTENER = "parley.listener"

# Seconds until the next connection is accepted. Meanwhile other workers can accept one.
_TURN = 0.001

# The most connections that are accepted at once: if the loop was late for its turn, and if there is no other worker.
_MOST = 16
_MOST_ALONE = 128

# The most connections that are being set up: TLS needs several messages for that.
_BEGINNING = 500

# Seconds until a retry after a failure, for example if no file descriptor is left.
_RETRY = 1.0


def listener_of(scope: Scope) -> object:
    """Return the name of the listening socket that a request came through, as ``getsockname`` returns it; None: another
    server than ours received it."""
    return scope.get("extensions", {}).get(LISTENER)


class Listener:
    """``serve`` is called with each connection; ``alone``: there are no other workers; ``failed`` is called with the
    error when a connection cannot be accepted, at most once a second."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        serve: Callable[[socket.socket], Awaitable[object]],
        failed: Callable[[OSError], None],
        *,
        alone: bool,
    ) -> None:
        self.loop, self.sock, self.serve, self.failed, self.alone = loop, sock, serve, failed, alone
        self.turns = _MOST_ALONE if alone else 1
        self.timer: asyncio.TimerHandle | None = None
        self.beginning: dict[asyncio.Task[None], None] = {}
        sock.setblocking(False)
        loop.add_reader(sock, self._take)

    def close(self) -> None:
        """Accept no more connections."""
        if self.timer is not None:
            self.timer.cancel()
        self.loop.remove_reader(self.sock)

    async def wait_closed(self) -> None:
        """Return at once: there is nothing to wait for."""

    def _take(self) -> None:
        for _ in range(self.turns):
            try:
                connection = self.sock.accept()[0]
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break
            except OSError as error:
                self.failed(error)
                self._rest(_RETRY)
                return
            connection.setblocking(False)
            task = self.loop.create_task(self._begin(connection))
            self.beginning[task] = None
            task.add_done_callback(partial(self._begun, connection))
            if len(self.beginning) > _BEGINNING:
                oldest = next(iter(self.beginning))
                del self.beginning[oldest]
                oldest.cancel()
        if not self.alone:
            self._rest(_TURN)

    async def _begin(self, connection: socket.socket) -> None:
        await self.serve(connection)

    def _begun(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self.beginning.pop(task, None)
        # The client has disconnected, does not speak TLS, or its connection was dropped to make room for others.
        if task.cancelled() or task.exception() is not None:
            connection.close()

    def _rest(self, seconds: float) -> None:
        self.loop.remove_reader(self.sock)
        self.timer = self.loop.call_later(seconds, self._go_on, self.loop.time() + seconds)

    def _go_on(self, due: float) -> None:
        if not self.alone:
            self.turns = min(1 + int((self.loop.time() - due) / _TURN), _MOST)
        self.loop.add_reader(self.sock, self._take)
