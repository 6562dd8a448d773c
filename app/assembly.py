"""Puts an application together for a document: routing, keys, checks, pages, and Flask within."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import flask
from connexion import FlaskApp
from starlette.types import Lifespan

from .contract.document import Document
from .contract.lenience import usable
from .contract.operations import Operation, operations
from .contract.routing import Paths, TagResolver, routing_view
from .contract.schemas import Schemas
from .contract.security import Security
from .contract.trial import Trial, try_all
from .frameworks.connexion import (
    Middleware,
    SecurityHandler,
    add_routes,
    application,
    finish,
    operation_of,
    operation_rule,
)
from .frameworks.flask_hooks import FlaskHooks
from .settings import Settings
from .web.bridge import Bridge
from .web.checking import BodyLimits, CheckMiddleware
from .web.conventions import OURS, Conventions
from .web.cors import CrossOriginMiddleware
from .web.envelope import EnvelopeMiddleware
from .web.front import FrontMiddleware
from .web.pages import Pages
from .web.view import SCOPE, OperationView


class Assembly:
    """A document that has been read, and the application that serves it.

    Raises:
        ConfigurationError: a part of the document cannot be used, and the document is not lenient.
    """

    def __init__(self, document: Document, settings: Settings) -> None:
        self.document = document
        self.settings = settings
        found = operations(document)
        self.schemas = Schemas(document, lazy=True)
        self.security = Security(document, allow_basic=settings.basic_auth)
        # An unusable part of the document ends the start or is left out; it never makes a request fail.
        if document.lenient:
            found = usable(found, Trial(document), self.security)
        else:
            try_all(document, {pointer for operation in found for pointer in operation.schemas})
        self.operations = found
        self.routes = routing_view(document, found, self.security)
        self.security.report(operation for operation in found if not operation.fault)

    def application(
        self,
        resolver: TagResolver,
        views: Mapping[str, OperationView],
        security_handlers: Mapping[str, SecurityHandler],
        *,
        ready: Callable[[], Awaitable[bool]],
        lifespan: Lifespan[Any],
        accounts: Sequence[Middleware] = (),
        conventions: Conventions = OURS,
        tolerant: frozenset[str] = frozenset(),
        origins: Sequence[str] = (),
    ) -> FlaskApp:
        """Return the application. ``views`` are those that ``resolver`` finds, by the operation's key; ``ready`` is
        called for ``/healthz``; ``accounts`` are middlewares between the keys and the checks; operations in
        ``tolerant`` decide themselves about unknown fields of a body; web pages of ``origins`` may call it."""
        settings, found = self.settings, self.operations
        pages = Pages(self.document, Paths(found), ready)
        sending = self.security.sending(found)
        outer: list[Middleware] = [
            partial(FrontMiddleware, log_format=settings.log_format),
            *([_cross_origin(origins, found)] if origins else []),
            partial(EnvelopeMiddleware, methods=pages.methods, sending=sending, conventions=conventions),
        ]
        check = partial(
            CheckMiddleware,
            operations={operation.key: operation for operation in found},
            schemas=self.schemas,
            limits=BodyLimits(
                settings.max_body,
                settings.max_upload,
                settings.max_values,
                settings.body_timeout,
                settings.min_body_rate,
            ),
            tolerant=tolerant,
        )
        app = application(
            "parley", Path(__file__).parent, outer=outer, inner=[*accounts, check], pages=pages.rules, lifespan=lifespan
        )
        add_routes(app, self.routes, resolver, security_handlers)
        inner: flask.Flask = app.app
        _prepare_flask(inner, pages)
        pages.register(inner)
        bridge = Bridge(
            FlaskHooks(inner),
            views,
            ping_interval=settings.ping_interval,
            write_timeout=settings.write_timeout,
            conventions=conventions,
        )
        finish(app, views, bridge)
        return app


def _cross_origin(origins: Sequence[str], found: Iterable[Operation]) -> Middleware:
    methods = frozenset(operation.method.upper() for operation in found)
    return partial(CrossOriginMiddleware, origins=origins, methods=methods)


def _prepare_flask(inner: flask.Flask, pages: Pages) -> None:
    # Otherwise Flask answers OPTIONS itself, before any operation of the document.
    inner.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # Otherwise Flask answers // and a missing slash with redirects, which Connexion turns into errors.
    inner.url_map.merge_slashes = False
    inner.url_map.strict_slashes = False

    rule_of = cache(partial(operation_rule, inner))

    @inner.before_request
    def follow_connexion_or_refuse() -> None:
        scope = flask.request.environ.get(SCOPE)
        if scope is None:
            raise RuntimeError(
                "This Flask application holds views only: keys and contract are checked around it. "
                "Serve wsgi:app, not the inner application."
            )
        # Flask routes a second time, more leniently (//v1/models is /v1/models to it), and may choose another template
        # if several match a path. Following its choice could reach a view without its security check, or a page instead
        # of the document's own path.
        request, routed = flask.request, operation_of(scope)
        view = inner.view_functions.get(request.endpoint or "")
        if getattr(view, "operation_id", None) == routed and (routed is not None or scope["path"] in pages.rules):
            return
        rule = rule_of(routed) if routed is not None else None
        if rule is None:
            # OPTIONS too: Flask would answer it itself, for any path.
            flask.abort(405 if routed is None and pages.methods(scope["path"]) else 404)
        request.url_rule, request.view_args, request.routing_exception = rule, dict(scope["path_params"]), None
