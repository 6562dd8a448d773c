"""What is used of gunicorn's asgi worker beyond what it documents:

- A connection is an `ASGIProtocol` of a worker. ``_awaiting_request`` is true while it waits for the head of a request,
  ``_finishing_calls`` are requests that are answered and still run, ``_request_ready`` is an event that ends the wait;
  ``_on_headers_complete`` is called with each head, ``_is_websocket_upgrade`` asked of each request that may be one.
- What the HTTP server refuses is told by ``_send_error_response(status, message, extra_headers)`` and
  ``_close_transport()``, for the parser's own exceptions; ``_safe_write`` writes to a client that may be gone.
- `ASGIWorker` makes its ``loop`` in ``_setup_event_loop``, asks it for its servers by ``create_server``, calls
  ``notify`` before each sleep of a second in the task that waits for ``alive`` to become false, takes the cancellation
  of that sleep for the end, and then awaits ``_shutdown``.

It is apart from `app.frameworks.gunicorn` because importing it imports the worker.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

# Seconds in which the head of a connection's first request must have arrived.
_HEAD_SECONDS = 60.0

# Seconds in which a client must have read the rest of an answer once its connection is closed.
_FLUSH_SECONDS = 10.0


class Protocol(ASGIProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.worker.connections.add(self)
        self._head_timer = self.worker.loop.call_later(_HEAD_SECONDS, self._head_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer.cancel()
        super().connection_lost(exc)

    @property
    def idle(self) -> bool:
        """Whether no request is being served."""
        return bool(self._awaiting_request) and not self._finishing_calls

    def end(self) -> None:
        """Close the connection, which is idle."""
        self._close_transport()
        self._request_ready.set()

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except ValueError:
            # The parser reads numbers with `int`, which refuses thousands of digits.
            self._send_error_response(400, "")
            self._close_transport()

    def _close_transport(self) -> None:
        super()._close_transport()
        # What a client does not read would be kept for it for as long as it likes.
        if self.transport.get_write_buffer_size():
            self.worker.loop.call_later(_FLUSH_SECONDS, self.transport.abort)

    def _is_websocket_upgrade(self, request: object) -> bool:
        return False  # there are no WebSockets here: the request is answered as the plain one that it also is

    def _on_headers_complete(self) -> object:
        self._head_timer.cancel()
        return super()._on_headers_complete()

    def _head_timeout(self) -> None:
        if self.idle:
            self._send_error_response(408, "")
            self.end()

    def _send_error_response(self, status: int, message: str, extra_headers: Sequence[tuple[str, str]] = ()) -> None:
        # ``message`` may quote the request, so it is not used.
        headers, body = self.worker.refusal(status)
        lines = [
            # 414 has another name in Python's table before 3.13.
            f"HTTP/1.1 {status} {'URI Too Long' if status == 414 else HTTPStatus(status).phrase}",
            *(f"{name}: {value}" for name, value in (*headers, *extra_headers)),
            "connection: close",
        ]
        self._safe_write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


class _Servers:
    """For an event loop whose servers speak by our protocol, and queue as many new connections as gunicorn is set to.

    The worker asks the loop for its servers and names gunicorn's own protocol and no backlog; asyncio would then shrink
    the queue to 100, and of a burst of clients the rest would wait for a second or more.
    """

    worker: Worker

    async def create_server(self, protocol_factory: object, *args: Any, **kwargs: Any) -> asyncio.Server:
        kwargs.setdefault("backlog", self.worker.cfg.backlog)
        server: asyncio.Server = await super().create_server(  # type: ignore[misc]
            lambda: Protocol(self.worker), *args, **kwargs
        )
        return server


class Worker(ASGIWorker):
    """gunicorn's, with three additions: what the HTTP server itself refuses is told by `refusal`, a client that
    connects and never sends a request is let go, and so are idle connections at a stop."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: weakref.WeakSet[Protocol] = weakref.WeakSet()
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

    async def _shutdown(self) -> None:
        # However it came to this: connections are closed after their answer, and at once when they wait for none, for
        # they would hold the stop up for as long as they may stay idle.
        self.alive = False
        self._waiting = None
        for connection in list(self.connections):
            if connection.idle:
                connection.end()
        await super()._shutdown()
