"""gunicorn's asgi worker with three additions: what the HTTP server itself refuses is told in our one shape of
failures too, a client that connects and never sends a request is let go, and so are idle connections at a stop."""

from __future__ import annotations

import asyncio
import secrets
import weakref
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

from ..errors import BadRequest, ServerError
from . import sse
from .envelope import envelope

# Seconds in which the head of a connection's first request must have arrived.
_HEAD_SECONDS = 60.0

# Seconds in which a client must have read the rest of an answer once its connection is closed.
_FLUSH_SECONDS = 10.0

_MESSAGES = {
    400: ("The HTTP request could not be read.", "invalid_http"),
    408: ("The head of the request did not arrive in time.", "request_timeout"),
    414: ("The request line is too long.", "uri_too_long"),
    431: ("The header fields are too long, or too many.", "headers_too_large"),
    500: ("The server had an error while processing your request. It has been logged.", "internal_error"),
    501: ("The request uses a transfer coding that is not supported.", "unsupported_transfer_coding"),
}
_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
}


class Protocol(ASGIProtocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
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

    def _is_websocket_upgrade(self, request: Any) -> bool:
        return False  # there are no WebSockets here: the request is answered as the plain one that it also is

    def _on_headers_complete(self) -> Any:
        self._head_timer.cancel()
        return super()._on_headers_complete()

    def _head_timeout(self) -> None:
        if self.idle:
            self._send_error_response(408, "")
            self._close_transport()
            self._request_ready.set()

    def _send_error_response(self, status: int, message: str, extra_headers: Any = ()) -> None:
        # ``message`` may quote the request, so it is not used.
        text, code = _MESSAGES.get(status, ("The request could not be served.", None))
        error = (ServerError if status >= 500 else BadRequest)(text, code=code)
        body = sse.to_json(envelope(error))
        lines = [
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            f"x-request-id: req_{secrets.token_hex(16)}",
            *(f"{name}: {value}" for name, value in extra_headers),
            "connection: close",
        ]
        self._safe_write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


class _Servers:
    """For an event loop whose servers speak by our protocol, and queue as many new connections as gunicorn is set to.

    The worker asks the loop for its servers and names gunicorn's own protocol and no backlog; asyncio would then shrink
    the queue to 100, and of a burst of clients the rest would wait for a second or more.
    """

    worker: Worker

    async def create_server(self, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("backlog", self.worker.cfg.backlog)
        return await super().create_server(lambda: Protocol(self.worker), *args, **kwargs)  # type: ignore[misc]


class Worker(ASGIWorker):
    """Set as ``worker_class`` by ``app/serving.py``."""

    loop: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: weakref.WeakSet[Protocol] = weakref.WeakSet()
        self._waiting: asyncio.Task[Any] | None = None

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
        chosen: asyncio.AbstractEventLoop = self.loop
        chosen.close()
        kind = type(chosen)
        self.loop = type(kind.__name__, (_Servers, kind), {"worker": self})()
        asyncio.set_event_loop(self.loop)

    async def _shutdown(self) -> None:
        # However it came to this: connections are closed after their answer, and at once when they wait for none, for
        # they would hold the stop up for as long as they may stay idle.
        self.alive = False
        self._waiting = None
        for connection in list(self.connections):
            if connection.idle:
                connection._close_transport()
                connection._request_ready.set()
        await super()._shutdown()
