"""Connexion's routing without redirects, and without a walk over all routes for a path that has no parameters."""

from __future__ import annotations

from typing import Any

from connexion.middleware.abstract import ROUTING_CONTEXT
from connexion.middleware.routing import RoutingMiddleware, RoutingOperation
from starlette.routing import Mount, Route, Router
from starlette.types import Receive, Scope, Send


class ExactRoutingMiddleware(RoutingMiddleware):
    """Routes a path as it is. Starlette answers a slash too many or too few with a redirect, before any key is asked
    for, to an address that it takes from the Host header.

    A path without parameters is looked up, so that its request costs the same in a document of three operations and in
    one of three hundred; it also wins over every path with some, as OpenAPI has it.
    """

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.router.redirect_slashes = False
        self._exact: dict[tuple[str, str], str | None] = {}

    def add_api(self, *args: Any, **kwargs: Any) -> None:
        super().add_api(*args, **kwargs)
        for mount in self.router.routes:
            if not (isinstance(mount, Mount) and isinstance(mount.app, Router)):
                continue
            mount.app.redirect_slashes = False
            for route in list(mount.app.routes):
                if isinstance(route, Route) and not route.param_convertors:
                    assert isinstance(route.endpoint, RoutingOperation)
                    for method in route.methods or ():
                        key, operation_id = (method, mount.path + route.path), route.endpoint.operation_id
                        if method == "HEAD" and "GET" in (route.methods or ()):
                            self._exact.setdefault(key, operation_id)  # unless the document has it of its own
                        else:
                            self._exact[key] = operation_id
                    mount.app.routes.remove(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        operation_id = self._exact.get((scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))))
        if operation_id is None:
            await super().__call__(scope, receive, send)
            return
        scope.setdefault("path_params", {})
        routed = scope.setdefault("extensions", {}).setdefault(ROUTING_CONTEXT, {})
        routed.update({"api_base_path": "", "operation_id": operation_id})
        await self.app(scope, receive, send)
