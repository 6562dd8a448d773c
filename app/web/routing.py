"""Connexion's routing without redirects, and without a walk over all the routes of a document."""

from __future__ import annotations

from typing import Any

from connexion.middleware.abstract import ROUTING_CONTEXT
from connexion.middleware.routing import RoutingMiddleware, RoutingOperation
from starlette.routing import Mount, Route, Router
from starlette.types import Receive, Scope, Send


class ExactRoutingMiddleware(RoutingMiddleware):
    """Routes a path as it is. Starlette answers a slash too many or too few with a redirect, before any key is asked
    for, to an address that it takes from the Host header.

    A path without parameters is looked up, and of those with some only the ones are tried that begin as the request
    does, so that a request costs the same in a document of three operations and in one of three hundred. The first also
    win over the others, as OpenAPI has it.
    """

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.router.redirect_slashes = False
        self._exact: dict[tuple[str, str], str | None] = {}
        # By the folders before the first parameter, each with its place in the order of all.
        self._templates: dict[str, list[tuple[int, Route]]] = {}

    def add_api(self, *args: Any, **kwargs: Any) -> None:
        super().add_api(*args, **kwargs)
        for mount in self.router.routes:
            if not (isinstance(mount, Mount) and isinstance(mount.app, Router)):
                continue
            mount.app.redirect_slashes = False
            for number, route in enumerate(list(mount.app.routes)):
                if not isinstance(route, Route):
                    continue
                if route.param_convertors:
                    folder = route.path.partition("{")[0].rpartition("/")[0]
                    self._templates.setdefault(folder, []).append((number, route))
                else:
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
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        operation_id = self._exact.get((scope["method"], path))
        parameters: dict[str, Any] = {}
        if operation_id is None:
            operation_id, parameters = self._by_template(scope["method"], path)
        if operation_id is None:
            await super().__call__(scope, receive, send)
            return
        scope.setdefault("path_params", {}).update(parameters)
        routed = scope.setdefault("extensions", {}).setdefault(ROUTING_CONTEXT, {})
        routed.update({"api_base_path": "", "operation_id": operation_id})
        await self.app(scope, receive, send)

    def _by_template(self, method: str, path: str) -> tuple[str | None, dict[str, Any]]:
        """The operation of a path with parameters, and what they are."""
        candidates: list[tuple[int, Route]] = []
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            candidates += self._templates.get(folder, ())
        for _, route in sorted(candidates, key=lambda candidate: candidate[0]):
            if method in (route.methods or ()) and (match := route.path_regex.match(path)):
                assert isinstance(route.endpoint, RoutingOperation)
                converted = {
                    name: route.param_convertors[name].convert(text) for name, text in match.groupdict().items()
                }
                return route.endpoint.operation_id, converted
        return None, {}
