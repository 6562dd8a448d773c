"""The undocumented behaviour of Connexion 3, and of Starlette's router in it, that we rely on, besides that of its
layers, which is in `app.frameworks.connexion_layers`:

- An application's ``middleware`` records the arguments of `add_api` in its list ``apis``, each with ``specification``.
- The set ``METHODS``, of names in lower case, says which fields of a path are operations; a server adds the methods of
  its document to it.
- A `Specification` validates itself with ``_validate_spec``, which a subclass can override with nothing.
- ``middleware._build_middleware_stack()`` returns the outermost application and the stack. They are stored in ``app``
  and ``middleware_stack``, and otherwise built at the first request.
- The innermost application of the stack holds Flask in ``asgi_app``, and registers every operation with Flask as a
  view that has its ``operation_id``.
- Routing puts ``operation_id`` and ``api_base_path`` into the extensions of the scope; ``operation_id`` is None if the
  document has no such path.
- `RoutingMiddleware` holds a Starlette ``router`` with a mount for each API, whose routes end in a `RoutingOperation`.
  Starlette's routers redirect unless ``redirect_slashes`` is false; a route has ``path``, ``methods``, ``path_regex``
  and ``param_convertors``.
- ``get_fn`` of a class in ``security_map`` returns a function. It gets a request with its ``scope`` and returns a
  dictionary with ``sub``, or `NO_VALUE` if the request has no credentials; a coroutine that it returns is awaited.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Container, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import flask
from connexion import FlaskApp
from connexion.http_facts import METHODS
from connexion.middleware.abstract import ROUTING_CONTEXT
from connexion.middleware.routing import RoutingMiddleware, RoutingOperation
from connexion.resolver import Resolver
from connexion.security import NO_VALUE, AbstractSecurityHandler
from connexion.spec import OpenAPISpecification
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send
from werkzeug.routing import Rule

from ..jsontypes import Json
from .connexion_layers import (
    Application,
    QuickContextMiddleware,
    QuickLifespanMiddleware,
    QuickSecurityMiddleware,
    Verified,
)
from .flask import QuickRule

Middleware = Callable[[ASGIApp], ASGIApp]
SecurityHandler = type[AbstractSecurityHandler]
# Returns who makes a request, perhaps later; None: the request has no credentials for the scheme. An exception refuses
# the request.
Identify = Callable[[Scope], str | Coroutine[Any, Any, str] | None]


def application(
    name: str,
    folder: Path,
    *,
    outer: Sequence[Middleware],
    inner: Sequence[Middleware],
    lifespan: Lifespan[Any],
    pages: Container[str] = (),
) -> FlaskApp:
    """Return an application that has no API yet. The ``outer`` middlewares come before routing and security, the
    ``inner`` ones after them; ``folder`` is the root path of the Flask application, which has no static files.
    ``pages`` are the paths that have Flask views of their own for GET."""
    made = Application(
        name,
        lifespan=lifespan,
        middlewares=[
            *outer,
            partial(ExactRoutingMiddleware, pages=pages),
            QuickSecurityMiddleware,
            *inner,
            QuickLifespanMiddleware,
            QuickContextMiddleware,
        ],
        specification_dir=folder,
        server_args={"static_folder": None, "root_path": str(folder)},
    )
    made.app.url_rule_class = QuickRule
    return made


class _RoutesAsTheyAre(OpenAPISpecification):
    @classmethod
    def _validate_spec(cls, spec: Json) -> None:
        """Skip the validation at every start: for a large document it takes as long as all the rest."""


def add_routes(app: FlaskApp, routes: Json, resolver: Resolver, security: Mapping[str, SecurityHandler]) -> None:
    """Add an API that is known to be a valid OpenAPI 3.0 document, at the root. ``security`` is by kind of scheme."""
    METHODS.update(method for item in routes["paths"].values() for method in item)
    nothing = {"openapi": "3.0.3", "info": {"title": "", "version": ""}, "paths": {}}
    app.add_api(nothing, base_path="", resolver=resolver, security_map=security)
    app.middleware.apis[-1].specification = _RoutesAsTheyAre(routes)


def finish(app: FlaskApp, views: Mapping[str, Callable[..., flask.Response]], serve: ASGIApp) -> None:
    """Build now what Connexion would build at the first request, so that any error ends the start.

    ``serve`` replaces Connexion's bridge from ASGI to Flask. ``views``, by operationId, are registered without
    Connexion's decorator, which reads the request again for arguments and is rebuilt for every request; that makes up
    a third of the cost of a whole request.
    """
    connexion = app.middleware
    connexion.app.asgi_app = serve
    connexion.app, connexion.middleware_stack = connexion._build_middleware_stack()
    registered: dict[str, Callable[..., flask.Response]] = app.app.view_functions
    for endpoint, view in registered.items():
        if (operation_id := getattr(view, "operation_id", None)) is not None:
            registered[endpoint] = views[operation_id]


def operation_rule(app: flask.Flask, operation_id: str) -> Rule | None:
    """Return the rule by which a Flask application routes to the view of an operation; None: it has none."""
    for rule in app.url_map.iter_rules():
        if getattr(app.view_functions.get(rule.endpoint), "operation_id", None) == operation_id:
            return rule
    return None


def operation_of(scope: Scope) -> str | None:
    """Return the operationId of a request that has been routed; None: the document has no such path."""
    operation_id: str | None = scope["extensions"].get(ROUTING_CONTEXT, {}).get("operation_id")
    return operation_id


def security_handler(make: Callable[[Json], Identify]) -> SecurityHandler:
    """Return a handler for a kind of security scheme. ``make`` is called with a scheme of the document."""

    class Handler(AbstractSecurityHandler):
        def get_fn(self, security_scheme: Json, required_scopes: list[str]) -> Callable[[Verified], object]:
            identify = make(security_scheme)

            # The final function: Connexion's own wrappers inspect its signature twice per request.
            def verify(request: Verified) -> object:
                name = identify(request.scope)
                if name is None:
                    return NO_VALUE
                return {"sub": name} if isinstance(name, str) else _later(name)

            return verify

    return Handler


async def _later(name: Coroutine[Any, Any, str]) -> object:
    return {"sub": await name}


class ExactRoutingMiddleware(RoutingMiddleware):
    """Routes a path as it is. Starlette answers a superfluous or missing slash with a redirect, before any key is
    checked, to an address that it takes from the Host header.

    A path without parameters is looked up in a table. Of the paths with parameters, only those that begin like the
    request's path are tried, so that a request costs the same in a document of three operations as in one of three
    hundred. As in OpenAPI, paths without parameters have precedence over the others; so do the ``pages``, which belong
    to no operation.
    """

    app: ASGIApp

    def __init__(self, app: ASGIApp, *, pages: Container[str] = ()) -> None:
        super().__init__(app)
        self.pages = pages
        self.router.redirect_slashes = False
        self._exact: dict[tuple[str, str], str | None] = {}
        # By the path segments before the first parameter; each entry has its position in the order of all routes.
        self._templates: dict[str, list[tuple[int, re.Pattern[str], Route]]] = {}

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
                    # Starlette's own pattern does not match line breaks, which a text may contain.
                    pattern = re.compile(route.path_regex.pattern, re.DOTALL)
                    self._templates.setdefault(folder, []).append((number, pattern, route))
                else:
                    assert isinstance(route.endpoint, RoutingOperation)
                    for method in route.methods or ():
                        key, operation_id = (method, mount.path + route.path), route.endpoint.operation_id
                        if method == "HEAD" and "GET" in (route.methods or ()):
                            self._exact.setdefault(key, operation_id)  # unless the document has its own HEAD
                        else:
                            self._exact[key] = operation_id
                    mount.app.routes.remove(route)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        operation_id = self._exact.get((scope["method"], path))
        parameters: dict[str, object] = {}
        page = operation_id is None and scope["method"] in ("GET", "HEAD") and path in self.pages
        if operation_id is None and not page:
            operation_id, parameters = self._by_template(scope["method"], path)
        if operation_id is None and not page:
            unknown: Awaitable[None] = super().__call__(scope, receive, send)
            return unknown
        scope.setdefault("path_params", {}).update(parameters)
        routed = scope.setdefault("extensions", {}).setdefault(ROUTING_CONTEXT, {})
        routed.update({"api_base_path": "", "operation_id": operation_id})
        return self.app(scope, receive, send)

    def _by_template(self, method: str, path: str) -> tuple[str | None, dict[str, object]]:
        """Return the operation of a path with parameters, and their values."""
        candidates: list[tuple[int, re.Pattern[str], Route]] = []
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            candidates += self._templates.get(folder, ())
        for _, pattern, route in sorted(candidates, key=lambda candidate: candidate[0]):
            if method in (route.methods or ()) and (match := pattern.fullmatch(path)):
                assert isinstance(route.endpoint, RoutingOperation)
                converted = {
                    name: route.param_convertors[name].convert(text) for name, text in match.groupdict().items()
                }
                return route.endpoint.operation_id, converted
        return None, {}
