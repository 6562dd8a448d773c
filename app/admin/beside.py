"""The clients' application and the operators', each on its own address.

The listening socket that a connection came through decides which of them answers: nothing that a client sends does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache

import flask
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http1.listener import listener_of
from .address import Bind


class Beside:
    """An ASGI application. ``clients`` answers on every address but ``bind``, ``operators`` answers there; ``close``
    is called at the end. ``inner`` is the Flask application of the clients'."""

    def __init__(
        self,
        clients: ASGIApp,
        operators: ASGIApp,
        bind: Bind,
        inner: Callable[[], flask.Flask],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.clients = clients
        self.operators = operators
        # There are few names: those of the sockets that the server listens on.
        self._is_operators = cache(bind.is_called)
        self.close = close
        self._inner = inner

    @property
    def app(self) -> flask.Flask:
        return self._inner()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif self._is_operators(listener_of(scope)):
            await self.operators(scope, receive, send)
        else:
            await self.clients(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_closed(message: Message) -> None:
            # The server ends as soon as it hears that the application has ended.
            if message["type"].startswith("lifespan.shutdown"):
                await self.close()
            await send(message)

        await self.clients(scope, receive, send_closed)
