"""What is used of gunicorn's asgi worker beyond what it documents:

- `ASGIWorker` makes its ``loop`` in ``_setup_event_loop``, asks it for its ``servers`` by ``create_server`` with a
  ``sock`` that listens already, of which it uses ``close`` (a second time too) and ``wait_closed``, calls ``notify``
  before each sleep of a second in the task that waits for ``alive`` to become false, takes the cancellation of that
  sleep for the end, and then awaits ``_shutdown``.

It is apart from `app.frameworks.gunicorn` because importing it imports the worker.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from ssl import SSLContext
from typing import Any

from gunicorn.workers.gasgi import ASGIWorker

from .connections import Connections
from .gunicorn_protocol import Protocol
from .listener import Listener

# Bytes that the kernel keeps for a client beyond what is on its way: by itself it would take megabytes, and with all of
# an answer taken nobody would notice that the client does not read.
_UNSENT = 1 << 17

# Idle connections that are closed when there is no descriptor for another one.
_ROOM = 16

# Seconds in which a worker that stops reads what has come already.
_READING = 0.02

# Bytes that a worker keeps in all for clients that do not read.
_UNREAD = 1 << 27


class _Servers:
    """For an event loop whose servers are ours, and speak by our protocol: gunicorn asks it for them and names its own.

    The kernel goes on to queue as many connections as gunicorn is set to.
    """

    worker: Worker

    async def create_server(
        self, _protocol_factory: object, *, sock: socket.socket, ssl: SSLContext | None, **_options: object
    ) -> Listener:
        with suppress(OSError, AttributeError):  # unix sockets do not have it, nor some systems
            # Connections have it from the socket that they come by.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        worker = self.worker
        serve = partial(worker.loop.connect_accepted_socket, lambda: Protocol(worker), ssl=ssl)
        return Listener(worker.loop, sock, serve, worker.cannot_take, alone=worker.cfg.workers == 1)


class Worker(ASGIWorker):
    """gunicorn's, with additions: what the HTTP server itself refuses is told by `refusal`, clients that never send a
    request or do not read are let go, and so are idle connections when there are too many, and at a stop."""

    loop: asyncio.AbstractEventLoop
    write_timeout = 60.0
    most_connections = 1000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: Connections[Protocol] = Connections(self.most_connections, _UNREAD)
        self._waiting: asyncio.Task[Any] | None = None

    def refusal(self, status: int) -> tuple[Sequence[tuple[str, str]], bytes]:
        """Headers and body of the answer to what never reaches the application."""
        raise NotImplementedError

    def notify(self) -> None:
        super().notify()
        # Called by the task that waits for the end of the worker, each time before it sleeps for a second.
        self._waiting = asyncio.current_task(self.loop)

    def handle_exit_signal(self) -> None:
        super().handle_exit_signal()
        self._wake()

    def handle_quit_signal(self) -> None:
        super().handle_quit_signal()
        self._wake()

    def _wake(self) -> None:
        """Have a stop begin at once, not when the sleep is over."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()

    def _setup_event_loop(self) -> None:
        super()._setup_event_loop()  # chooses by the setting asgi_loop
        chosen = self.loop
        chosen.close()
        kind = type(chosen)
        make: Callable[[], asyncio.AbstractEventLoop] = type(kind.__name__, (_Servers, kind), {"worker": self})
        self.loop = make()
        asyncio.set_event_loop(self.loop)

    def cannot_take(self, error: OSError) -> None:
        """Say that a connection cannot be taken, and make room for some."""
        for _ in range(_ROOM):
            self.connections.make_room()
        self.log.error("no connection can be taken for the moment: %s", error.strerror)

    async def _shutdown(self) -> None:
        # However it came to this: connections are closed after their answer, and those that wait for none now, for they
        # would hold the stop up for as long as they may stay idle.
        self.alive = False
        self._waiting = None
        for server in self.servers:
            server.close()
        await asyncio.sleep(_READING)
        for connection in list(self.connections.all):
            connection.stop()
        await super()._shutdown()
