"""The undocumented behaviour of gunicorn's asgi worker that we rely on:

- `ASGIWorker` makes its ``loop`` in ``_setup_event_loop``. It creates its ``servers`` with the loop's
  ``create_server``, passing a ``sock`` that already listens, and uses their ``close`` (also a second time) and
  ``wait_closed``. It calls ``notify`` before each sleep of a second in the task that waits for ``alive`` to become
  false, treats the cancellation of that sleep as the end, and then awaits ``_shutdown``.

- It counts its connections in ``nr_conns`` and its requests in ``nr``; it is to end when these are ``max_requests``.
  ``asgi`` is the application, ``state`` what that has left for its requests.
- gunicorn's `HeaderPolicy` has the configuration in ``cfg`` and the address of the other end in ``peer_addr``;
  ``_peer_trusted_for_forwarded`` returns first the headers by which that one may say that its client used TLS.

- The module of its own connections has sixteen thousand beginnings of chunks in ``_CHUNK_PREFIXES``, and does without.

It is separate from `app.frameworks.gunicorn` because importing it imports the worker.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from ssl import SSLContext
from typing import Any

from gunicorn.asgi import protocol
from gunicorn.http.message import HeaderPolicy
from gunicorn.workers.gasgi import ASGIWorker
from starlette.types import ASGIApp

from ..http1.connection import READ_AHEAD, Connection
from ..http1.connections import Connections
from ..http1.cycle import Cycle
from ..http1.head import Limits
from ..http1.listener import Listener
from .graceful import of_requests
from .gunicorn_access import log_access

# Bytes that the kernel buffers for a client in addition to those in flight. By default it would buffer megabytes, and
# if it took a whole answer, nothing would notice that the client does not read.
_UNSENT = 1 << 17

# The number of idle connections that are closed when there is no file descriptor for another one.
_ROOM = 16

# Seconds for which a stopping worker reads data that has already arrived.
_READING = 0.02

# Stands for no limit: of bytes of a line, or of fields.
_MOST = 1 << 16

# Bytes of a whole head, unless what gunicorn's settings allow of its parts takes more.
_HEAD = 1 << 16

# Bytes that a worker holds in total for clients that do not read.
_UNREAD = 1 << 27


# Two megabytes that nothing here uses.
protocol._CHUNK_PREFIXES.clear()


class _Servers:
    """A mixin for an event loop. gunicorn asks it for servers of gunicorn's connections, and gets ours with ours.

    The kernel still queues as many connections as gunicorn is configured for.
    """

    worker: Worker

    async def create_server(
        self, _protocol_factory: object, *, sock: socket.socket, ssl: SSLContext | None, **_options: object
    ) -> Listener:
        with suppress(OSError, AttributeError):  # unix sockets and some systems do not have the option
            # Connections inherit the option from the listening socket.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        worker, name = self.worker, sock.getsockname()
        serve = partial(worker.loop.connect_accepted_socket, lambda: Connection(worker, name), ssl=ssl)
        return Listener(worker.loop, sock, serve, worker.cannot_take, alone=worker.cfg.workers == 1)


class _Peer(HeaderPolicy):
    """The other end of a connection."""

    def __init__(self, cfg: object, address: object) -> None:
        self.cfg, self.peer_addr = cfg, address


class Worker(ASGIWorker):
    """gunicorn's worker, with our connections: see `app.http1.server.Server`. ``write_timeout`` is in seconds."""

    loop: asyncio.AbstractEventLoop
    alive: bool
    state: dict[str, Any]
    write_timeout = 60.0
    most_connections = 1000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: Connections[Connection] = Connections(self.most_connections, _UNREAD)
        self.buffer = memoryview(bytearray(READ_AHEAD))
        cfg = self.cfg
        # 0: no limit. What is without any would be held in memory.
        line, field = cfg.limit_request_line or _MOST, cfg.limit_request_field_size or _MOST
        self.limits = Limits(line, field, cfg.limit_request_fields or _MOST, max(_HEAD, line + 2 * field))
        self.keep_alive: float = cfg.keepalive
        self.grace: float = cfg.asgi_disconnect_grace_period
        self.root_path: str = cfg.root_path or ""
        self._waiting: asyncio.Task[Any] | None = None

    @property
    def application(self) -> ASGIApp:
        application: ASGIApp = self.asgi
        return application

    @property
    def last(self) -> bool:
        return self.stopping or not self.keep_alive or bool(self.nr + 1 >= self.max_requests)

    @property
    def stopping(self) -> bool:
        return not self.alive

    def schemes(self, peer: object) -> Mapping[bytes, bytes]:
        headers = _Peer(self.cfg, peer)._peer_trusted_for_forwarded()[0]
        return {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in headers.items()}

    def opened(self) -> None:
        self.nr_conns += 1

    def lost(self) -> None:
        self.nr_conns -= 1

    def answered(self, cycle: Cycle) -> None:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        try:
            log_access(self.log, cycle, self.loop.time() - cycle.began)
        except Exception:  # of a logger of the user's
            self.log.exception("Error in the log of requests")

    def refusal(self, status: int) -> tuple[Sequence[tuple[str, str]], bytes]:
        """Return headers and body of the answer to a request that never reaches the application."""
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
        """Make a stop begin at once, not when the sleep is over."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()

    def _setup_event_loop(self) -> None:
        super()._setup_event_loop()  # chooses the loop by the setting asgi_loop
        chosen = self.loop
        chosen.close()
        kind = type(chosen)
        make: Callable[[], asyncio.AbstractEventLoop] = type(kind.__name__, (_Servers, kind), {"worker": self})
        self.loop = make()
        asyncio.set_event_loop(self.loop)

    def cannot_take(self, error: OSError) -> None:
        """Log that a connection cannot be accepted, and make room for some."""
        for _ in range(_ROOM):
            self.connections.make_room()
        self.log.error("no connection can be taken for the moment: %s", error.strerror)

    async def _shutdown(self) -> None:
        # Whatever caused the stop: connections are closed after their answer. Idle ones are closed now, because they
        # would delay the stop for as long as they may stay idle.
        self.alive = False
        self._waiting = None
        self.cfg.set("graceful_timeout", of_requests(self.cfg.graceful_timeout))
        for server in self.servers:
            server.close()
        await asyncio.sleep(_READING)
        for connection in list(self.connections.all):
            connection.stop()
        await super()._shutdown()
