"""The one place where the parts are put together."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import flask
from connexion import FlaskApp
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.security import SecurityMiddleware

from .chat.service import Chat, Limits
from .contract.document import Document
from .contract.operations import Operation, operations
from .contract.routing import Paths, TagResolver, find_handler, routing_view
from .contract.schemas import Schemas
from .engines.base import Engine
from .engines.configured import build_engine, launch_model, model_is_launched
from .handlers.chat import create_chat_completion
from .settings import Settings
from .web.bridge import Bridge
from .web.checking import check_middleware
from .web.cors import CrossOriginMiddleware
from .web.envelope import EnvelopeMiddleware
from .web.front import FrontMiddleware
from .web.keys import load_keys
from .web.logs import configure_logs
from .web.pages import Pages
from .web.routing import ExactRoutingMiddleware
from .web.security import bearer_auth
from .web.view import SCOPE, OperationView, ViewMiddleware

HANDLERS = "app.handlers"

log = logging.getLogger("parley")


def contract_path(settings: Settings) -> Path:
    """The document to serve: the user's, or the one that ships, in the checkout or in the installed package."""
    if settings.spec is not None:
        return settings.spec
    here = Path(__file__).parent
    installed = here / "openapi" / "openapi.yaml"
    return installed if installed.exists() else here.parent / "openapi" / "openapi.yaml"


def serves_chat(found: list[Operation]) -> bool:
    """Whether any operation of a document is answered by the chat handler: only then is a model needed."""
    return any(find_handler(HANDLERS, operation) is create_chat_completion for operation in found)


def wire(settings: Settings | None = None, engine: Engine | None = None) -> FlaskApp:
    """As `app.create_app`; ``engine`` stands in for the one that the settings ask for."""
    settings = settings if settings is not None else Settings.from_environment()
    configure_logs()
    document = Document.load(contract_path(settings))
    found = operations(document)
    schemas = Schemas(document)
    for pointer in (pointer for operation in found for pointer in operation.schemas):
        schemas.validator(pointer)  # what cannot be compiled ends the start, not a request
    launches = engine is None and settings.engine == "llama"
    engine = engine or build_engine(settings)
    needs_engine = serves_chat(found)
    services: dict[type[Any], Any] = {
        Chat: Chat(engine, policy=settings.unsupported, limits=Limits(settings.max_choices, settings.max_total_tokens))
    }
    views: dict[str, OperationView] = {}

    def view(operation: Operation, handler: Any) -> OperationView:
        return views.setdefault(operation.id, OperationView(operation, handler, schemas, services))

    async def ready() -> bool:
        return not needs_engine or await engine.ready()

    paths = Paths(document, found)
    pages = Pages(document, paths, ready)
    middlewares = [
        partial(FrontMiddleware, log_format=settings.log_format),
        *([partial(CrossOriginMiddleware, origins=settings.cors_origins)] if settings.cors_origins else []),
        partial(EnvelopeMiddleware, methods=pages.methods),
        ExactRoutingMiddleware,
        SecurityMiddleware,
        check_middleware(
            operations={operation.id: operation for operation in found},
            schemas=schemas,
            max_body=settings.max_body,
            max_upload=settings.max_upload,
            body_timeout=settings.body_timeout,
        ),
        LifespanMiddleware,
        partial(ViewMiddleware, flask_app=lambda: app.app, views=views),
    ]
    app: FlaskApp = FlaskApp(
        "parley",
        lifespan=partial(_lifespan, engine if needs_engine else None, settings, launches),
        middlewares=middlewares,
        specification_dir=Path(__file__).parent,
        # The pages have no folder of static files, and no session that a secret key would sign.
        server_args={"static_folder": None, "root_path": str(Path(__file__).parent)},
    )
    keys = load_keys(settings)
    bearer = bearer_auth(keys, loopback_only=keys.generated is not None and not settings.allow_generated_key)
    app.add_api(
        routing_view(document, found),
        base_path=document.base_path,
        resolver=TagResolver(HANDLERS, found, view),
        security_map={"bearer": bearer},
    )
    _prepare_flask(app.app)
    pages.register(app.app)
    threaded = frozenset(name for name, made in views.items() if not made.is_async)
    app.middleware.app.asgi_app = Bridge(
        app.app.wsgi_app, threaded=threaded, ping_interval=settings.ping_interval, write_timeout=settings.write_timeout
    )
    return app


def _prepare_flask(inner: flask.Flask) -> None:
    # Otherwise Flask answers // and a missing slash with redirects, which Connexion turns into errors.
    inner.url_map.merge_slashes = False
    inner.url_map.strict_slashes = False

    @inner.before_request
    def refuse_what_connexion_did_not_route_here() -> None:
        scope = flask.request.environ.get(SCOPE)
        if scope is None:
            raise RuntimeError(
                "This Flask application holds views only: keys and contract are checked around it. "
                "Serve wsgi:app, not the inner application."
            )
        # Flask routes a second time and more leniently (//v1/models is /v1/models to it). Were the two to differ, a
        # view could be reached past its security.
        routed = scope["extensions"].get("connexion_routing", {}).get("operation_id")
        view = inner.view_functions.get(flask.request.endpoint or "")
        if getattr(view, "operation_id", None) != routed:
            flask.abort(404)


@contextlib.asynccontextmanager
async def _lifespan(engine: Engine | None, settings: Settings, launches: bool, _app: Any) -> AsyncIterator[None]:
    """Open the engine before the first request of a worker, close it after the last."""
    if engine is None:
        yield
        return
    supervision = None
    if launches and not model_is_launched():
        log.warning("no model process was started before this worker (see gunicorn.conf.py); it starts one of its own")
        supervision = launch_model(settings)
    try:
        await engine.start()
        yield
    finally:
        await engine.close()
        if supervision is not None:
            supervision.close()
