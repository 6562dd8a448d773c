"""Which application answers is decided by the listening socket, whatever a client sends."""

from __future__ import annotations

import asyncio
from typing import Any

import flask
import pytest
from starlette.types import Message, Receive, Scope, Send

from app.admin.address import read_bind
from app.admin.beside import Beside
from app.http1.listener import LISTENER

OPERATORS, CLIENTS = ("127.0.0.1", 8081), ("127.0.0.1", 8080)


class _Application:
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope["type"])
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})


class _Both:
    def __init__(self) -> None:
        self.clients, self.operators, self.flask = _Application(), _Application(), flask.Flask("x")
        self.told: list[str] = []
        self.app = Beside(self.clients, self.operators, read_bind("127.0.0.1:8081"), lambda: self.flask, self.close)

    async def close(self) -> None:
        self.told.append("closed")

    async def send(self, message: Message) -> None:
        self.told.append(message["type"])

    def ask(self, **scope: Any) -> None:
        async def receive() -> Message:
            return {"type": "lifespan.any"}

        asyncio.run(self.app({"type": "http", **scope}, receive, self.send))


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_the_socket_decides(kind: str) -> None:
    both = _Both()
    both.ask(type=kind, extensions={LISTENER: OPERATORS})
    assert (both.clients.seen, both.operators.seen) == ([], [kind])
    for extensions in ({LISTENER: CLIENTS}, {LISTENER: "/run/x.sock"}, {LISTENER: None}, {}):
        both.ask(type=kind, extensions=extensions)
    both.ask(type=kind)
    assert (both.clients.seen, both.operators.seen) == ([kind] * 5, [kind])


def test_what_a_client_sends_does_not_decide() -> None:
    both = _Both()
    named = [(b"host", b"127.0.0.1:8081"), (b"x-forwarded-host", b"127.0.0.1:8081"), (b"parley.listener", b"8081")]
    # A proxy protocol, or a server's setting, may change `server` and `client`.
    both.ask(
        headers=named,
        server=OPERATORS,
        client=OPERATORS,
        path="http://127.0.0.1:8081/admin/v1/keys",
        root_path="/admin",
        extensions={LISTENER: CLIENTS},
    )
    assert (both.clients.seen, both.operators.seen) == (["http"], [])


def test_the_database_is_closed_before_the_server_hears_of_the_end() -> None:
    both = _Both()
    both.ask(type="lifespan")
    assert both.told == ["lifespan.startup.complete", "closed", "lifespan.shutdown.complete"]
    assert both.operators.seen == []


def test_the_flask_application_is_the_clients() -> None:
    both = _Both()
    assert both.app.app is both.flask
