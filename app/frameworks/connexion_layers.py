"""Connexion's layers around an operation, with less work for each request.

A layer that does nothing after the next one returns its awaitable: that is one coroutine less to make, and one less to
pass through whenever a request goes on.

The undocumented behaviour of Connexion 3 that we rely on:

- A `RoutedMiddleware` has its ``apis`` by their base path, each with its ``operations`` by id. It calls the one that
  routing has found; without one, the next layer, ``app``.
- ``api_cls`` of the security middleware makes a `SecurityOperation` for each operation in ``make_operation``, from
  ``next_app`` and ``security_handler_factory``. It calls ``verification_fn`` with a request of which ``scope`` is used,
  and ``context``: a dictionary in the scope's extensions.
- A `ContextOperation` has its ``operation`` and its ``next_app``, and sets four context variables.
- `LifespanMiddleware` does nothing with a request. An application passes requests to its ``middleware``, which adds
  itself to the scope as ``app`` and passes them on to its own ``app``.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from connexion import FlaskApp
from connexion.context import _context, _operation, _receive, _scope
from connexion.middleware.abstract import ROUTING_CONTEXT, RoutedMiddleware
from connexion.middleware.context import ContextAPI, ContextMiddleware, ContextOperation
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.security import SecurityAPI, SecurityMiddleware, SecurityOperation
from starlette.types import Receive, Scope, Send

from ..jsontypes import Json


class Application(FlaskApp):
    """Connexion's application, once its layers have been put together."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A coroutine function, by which servers know an ASGI application.
        scope["app"] = self.middleware
        await self.middleware.app(scope, receive, send)


def _route(layer: RoutedMiddleware[Any], scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Call what a layer has for the operation of a request."""
    found = scope["extensions"][ROUTING_CONTEXT] if scope["type"] == "http" else {}
    operation_id = found.get("operation_id")
    if operation_id is not None:
        for api in layer.apis.get(found["api_base_path"], ()):
            if operation_id in api.operations:
                called: Awaitable[None] = api.operations[operation_id](scope, receive, send)
                return called
    passed_on: Awaitable[None] = layer.app(scope, receive, send)
    return passed_on


class Verified:
    """What a security function sees of a request. Connexion's own is built on Starlette's, and costs more than the
    comparison of a key."""

    __slots__ = ("scope",)

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    @property
    def context(self) -> Json:
        found: Json = self.scope.setdefault("extensions", {}).setdefault("connexion_context", {})
        return found


class _QuickSecurityOperation(SecurityOperation):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.security:
            await self.verification_fn(Verified(scope))
        await self.next_app(scope, receive, send)


class _QuickSecurityAPI(SecurityAPI):
    def make_operation(self, operation: Any) -> SecurityOperation:
        return _QuickSecurityOperation.from_operation(
            operation, next_app=self.next_app, security_handler_factory=self.security_handler_factory
        )


class QuickSecurityMiddleware(SecurityMiddleware):
    """Connexion's, without a request object of Starlette's for each request."""

    api_cls = _QuickSecurityAPI

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return _route(self, scope, receive, send)


class _QuickContextOperation(ContextOperation):
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        _context.set(scope["extensions"].get("connexion_context", {}))
        _operation.set(self.operation)
        _receive.set(receive)
        _scope.set(scope)
        passed_on: Awaitable[None] = self.next_app(scope, receive, send)
        return passed_on


class _QuickContextAPI(ContextAPI):
    def make_operation(self, operation: Any) -> ContextOperation:
        return _QuickContextOperation(self.next_app, operation=operation)


class QuickContextMiddleware(ContextMiddleware):
    """Connexion's, as a layer that returns the awaitable of the next one."""

    api_cls = _QuickContextAPI

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return _route(self, scope, receive, send)


class QuickLifespanMiddleware(LifespanMiddleware):
    """Connexion's, as a layer that returns the awaitable of the next one."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        layer = self.next_app if scope["type"] == "http" else super().__call__
        passed_on: Awaitable[None] = layer(scope, receive, send)
        return passed_on
