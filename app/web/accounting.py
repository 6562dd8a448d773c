"""Opens the account of a request to an operation of models, once its key is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from ..accounts import Account, Client
from ..frameworks.connexion import operation_of
from ..jsontypes import Json
from .exchange import Exchange

# Opens the account for a request of a key, by the request's id, the name of its operation, and the fields of its line
# in the log.
Opens = Callable[[Client | None, str, str, Json], Account]


class AccountMiddleware:
    """``operations`` are the names of the operations that are counted, by operationId. Other layers settle the account
    before the last byte of the answer, or when the client has disconnected: see `app.web.sending`,
    `app.web.envelope` and `app.web.front`."""

    def __init__(self, app: ASGIApp, *, operations: Mapping[str, str], opens: Opens) -> None:
        self.app = app
        self.operations = operations
        self.opens = opens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (name := self.operations.get(operation_of(scope) or "")) is not None:
            exchange = Exchange.of(scope)
            exchange.account = self.opens(exchange.client, exchange.request_id, name, exchange.log)
            exchange.headers = exchange.account.headers
        await self.app(scope, receive, send)
