"""Both sides of one request for tests of single layers: a scope, and a client that keeps what it is sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import flask
from starlette.types import Message, Scope

from app.frameworks.flask_hooks import FlaskHooks
from app.web.exchange import Exchange

T = TypeVar("T")

# So long only what has failed is waited for.
SECONDS = 60.0


def run(body: Coroutine[Any, Any, T]) -> T:
    """Run a test in an event loop of its own."""

    async def bounded() -> T:
        async with asyncio.timeout(SECONDS):
            return await body

    return asyncio.run(bounded())


def hooks_around(wsgi_app: Any) -> FlaskHooks:
    """Those of a Flask application that has been wrapped in a WSGI application, which answers."""
    app = flask.Flask(__name__, static_folder=None)
    hooks = FlaskHooks(app)
    app.wsgi_app = wsgi_app  # type: ignore[method-assign]
    return hooks


def http_scope(
    method: str = "GET",
    path: str = "/",
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    *,
    operation: str | None = None,
    exchange: Exchange | None = None,
    **fields: Any,
) -> Scope:
    """The scope of a request as it is below the front, and below routing if there is an operation."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
        "client": ("192.0.2.1", 5000),
        "server": ("127.0.0.1", 8080),
        "extensions": {},
        **fields,
    }
    if operation is not None:
        scope["extensions"]["connexion_routing"] = {"api_base_path": "", "operation_id": operation}
    (exchange or Exchange("req_1")).attach(scope)
    return scope


class Client:
    """Gives the pieces of its body, then waits until it goes; keeps what it is sent unless it does not read."""

    def __init__(self, *pieces: bytes) -> None:
        messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces or (b"",)]
        messages[-1]["more_body"] = False
        self._messages: deque[Message] = deque(messages)
        self.sent: list[Message] = []
        self.gone = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()
        self._more = asyncio.Event()

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.popleft()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reading.wait()
        self.sent.append(message)
        self._more.set()

    async def has(self, text: bytes) -> None:
        """Wait until a text is among the body that was sent."""
        while text not in self.body:
            self._more.clear()
            await self._more.wait()

    @property
    def has_read_all(self) -> bool:
        """Whether all of the body was asked for."""
        return not self._messages

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.sent[0]["headers"]}

    @property
    def pieces(self) -> list[bytes]:
        return [message["body"] for message in self.sent[1:]]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def ended(self) -> bool:
        """Whether the answer is whole."""
        return bool(self.sent) and not self.sent[-1].get("more_body", False)
