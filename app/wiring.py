"""The one place where the parts are put together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import cache, partial
from pathlib import Path

import flask
from connexion import FlaskApp
from werkzeug.routing import Rule

from .chat.foreign import SPARE, Reading, known_to, reading
from .chat.service import Chat, Limits
from .completions.service import Completions
from .configuration.building import Built
from .configuration.document import OWN_HANDLERS, contract_path, handlers_of, own_contract
from .configuration.served import built_of, engine_of
from .contract.document import Document
from .contract.extend import extend_request
from .contract.handlers import Handler
from .contract.lenience import usable
from .contract.operations import Operation, operations
from .contract.properties import defaults
from .contract.routing import Paths, TagResolver, routing_view
from .contract.schemas import Schemas
from .contract.security import Security
from .contract.trial import Trial, try_all
from .embeddings.service import Embeddings
from .engines.base import Engine
from .engines.extra import EXTRA_PARAMETERS, OF_CHATS_ALONE
from .frameworks.connexion import Middleware, add_routes, application, finish, operation_of
from .frameworks.flask_hooks import FlaskHooks
from .handlers.chat import create_chat_completion
from .handlers.completions import create_completion
from .handlers.embeddings import create_embedding
from .handlers.responses import create_response
from .model_process.address import models_are_launched
from .model_process.pool import ProcessPool
from .responses.parameters import KNOWN as KNOWN_OF_RESPONSES
from .responses.service import Responses
from .settings import Settings
from .web.bridge import Bridge
from .web.checking import BodyLimits, CheckMiddleware
from .web.conventions import OURS
from .web.cors import CrossOriginMiddleware
from .web.envelope import EnvelopeMiddleware
from .web.front import FrontMiddleware
from .web.keys import load_keys
from .web.logs import configure_logs
from .web.pages import Pages
from .web.reloading import Reloading
from .web.security import security_handlers
from .web.view import SCOPE, OperationView

# The operations that models answer, by their handlers, and what answers them.
_DOMAINS: Mapping[Handler, type[Chat]] = {
    create_chat_completion: Chat,
    create_completion: Completions,
    create_embedding: Embeddings,
}

log = logging.getLogger("parley")


def chat_operations(settings: Settings, found: Iterable[Operation]) -> list[Operation]:
    """Those of some operations that the chat handler answers."""
    return [operation for operation, domain in model_operations(settings, found) if domain is Chat]


def model_operations(settings: Settings, found: Iterable[Operation]) -> list[tuple[Operation, type[Chat]]]:
    """Those of some operations that models answer, each with the domain that answers it."""
    handlers = handlers_of(settings)
    pairs = ((operation, handlers.find(operation)) for operation in found)
    return [
        (operation, _DOMAINS[handler]) for operation, handler in pairs if handler is not None and handler in _DOMAINS
    ]


def served_document(settings: Settings, extra: Iterable[str]) -> Document:
    """The document with the parameters beyond the API that some model takes, ``extra``, so that it tells of them and
    they are held against it.

    Raises:
        ConfigurationError: the document or a package of handlers cannot be used.
    """
    document = Document.load(contract_path(settings), lenient=settings.lenient)
    names = sorted(extra)
    if names:
        for operation, domain in asking_operations(settings, operations(document)):
            taken = [name for name in names if domain in (Chat, Responses) or name not in OF_CHATS_ALONE]
            if domain is not Embeddings:
                document = extend_request(document, operation, {name: EXTRA_PARAMETERS[name] for name in taken})
    return document


def asking_operations(settings: Settings, found: Iterable[Operation]) -> list[tuple[Operation, type]]:
    """Those of some operations that are answered by asking a model, each with the service that answers it."""
    handlers = handlers_of(settings)
    responses = [(operation, Responses) for operation in found if handlers.find(operation) is create_response]
    return [*model_operations(settings, found), *responses]


def needs_engine(settings: Settings, found: list[Operation]) -> bool:
    """Whether a model is needed: when an operation of the document is answered by a handler that asks one, and when one
    may be: by a handler of the user's, who may ask for the model, or in a document that may change. Mocks need none."""
    if settings.mock == "all":
        return False
    return bool(settings.handlers or settings.reload or asking_operations(settings, found))


def _foreign_readings(settings: Settings, document: Document, found: list[Operation]) -> Mapping[type, Reading]:
    """How requests are read under a document that is not ours, by what answers them."""
    theirs = asking_operations(settings, found) if settings.spec is not None else []
    if not theirs:
        return {}
    ours = Document.load(own_contract())
    schemas = Schemas(ours, lazy=True)
    readings: dict[type, Reading] = {}
    for own, service in asking_operations(Settings(), operations(ours)):
        pointers = [each.request_schemas.get("application/json") for each, answers in theirs if answers is service]
        spared = {k: v for pointer in pointers if pointer for k, v in defaults(document, pointer).items()}
        validator = schemas.validator(str(own.request_schemas["application/json"]), "request")
        known = known_to(service.table) if issubclass(service, Chat) else KNOWN_OF_RESPONSES
        readings[service] = reading(validator, spared, known)
    return readings


def build(settings: Settings | None = None) -> FlaskApp | Reloading:
    """As `app.create_app`."""
    settings = settings if settings is not None else Settings.from_environment()
    # None of what is there now goes again, so the collector need not look through it while a large document is read.
    gc.freeze()
    if not settings.reload:
        return wire(settings)
    path, built = contract_path(settings), engine_of(settings)
    return Reloading(
        lambda: wire(settings, built=built),
        lambda: wire(settings, built=built, opens=False),
        lambda: Document.load(path).files,
        shown=str(path),
    )


def wire(
    settings: Settings, engine: Engine | None = None, *, built: Built | None = None, opens: bool = True
) -> FlaskApp:
    """One application. ``built``, or an ``engine`` alone, stands in for what the settings ask for; ``opens``: it is
    started and closed with the application, and so are the model processes, if nothing has started them before.

    Raises:
        ConfigurationError: as `app.create_app`.
    """
    configure_logs()
    if built is None:
        built = engine_of(settings) if engine is None else built_of(engine)
    engine = built.engine
    document = served_document(settings, built.extra)
    found = operations(document)
    schemas = Schemas(document, lazy=True)
    security = Security(document, allow_basic=settings.basic_auth)
    # What cannot be used ends the start, or is left out; it never ends a request.
    if document.lenient:
        found = usable(found, Trial(document), security)
    else:
        try_all(document, {pointer for operation in found for pointer in operation.schemas})
    routes = routing_view(document, found, security)
    security.report(operation for operation in found if not operation.fault)
    handlers = handlers_of(settings)
    handlers.check_names(found)
    chats = needs_engine(settings, found)
    limits = Limits(settings.max_choices, settings.max_total_tokens, settings.max_tools)
    readings = _foreign_readings(settings, document, found)
    domains = {
        domain: domain(
            engine, policy=settings.unsupported, limits=limits, read=readings.get(domain), limiters=built.limiters
        )
        for domain in _DOMAINS.values()
    }
    for operation, domain in model_operations(settings, found) if settings.spec is not None else ():
        if pointer := operation.response_schema(200, "application/json"):
            domains[domain].fit(schemas.validator(pointer))
    responses = Responses(domains[Chat], read=readings.get(Responses))
    services: dict[type, object] = {**domains, Responses: responses}
    conventions = OURS
    if settings.conventions == "document" and settings.spec is not None:
        # Not above: it brings in the tools that make samples, which a server with our conventions does without.
        from .web.document_conventions import DocumentConventions

        conventions = DocumentConventions(document, schemas, found)
    if settings.mock == "off":
        mocks = None
    else:
        # Nor this one.
        from .web.mocks import Mocks

        mocks = Mocks(document, schemas, conventions)
    warns = settings.unsupported == "warn" or built.warns
    views: dict[str, OperationView] = {}

    def view(operation: Operation, handler: Handler | None) -> OperationView:
        if operation.fault:
            handler = None
        elif mocks is not None and (handler is None or settings.mock == "all"):
            handler = mocks.handler(operation)
        ours = getattr(handler, "__module__", "").startswith(f"{OWN_HANDLERS}.")
        # Our own answers, in the words of another author's document.
        spare = SPARE if ours and settings.spec is not None else None
        made = OperationView(operation, handler, schemas, services, spare=spare, quick=ours)
        return views.setdefault(operation.key, made)

    async def ready() -> bool:
        return not chats or await engine.ready()

    paths = Paths(found)
    pages = Pages(document, paths, ready)
    outer: list[Middleware] = [
        partial(FrontMiddleware, log_format=settings.log_format),
        *([_cross_origin(settings, found)] if settings.cors_origins else []),
        partial(EnvelopeMiddleware, methods=pages.methods, sending=security.sending(found), conventions=conventions),
    ]
    check = partial(
        CheckMiddleware,
        operations={operation.key: operation for operation in found},
        schemas=schemas,
        limits=BodyLimits(
            settings.max_body, settings.max_upload, settings.max_values, settings.body_timeout, settings.min_body_rate
        ),
        tolerant=frozenset(each.key for each, _ in asking_operations(settings, found) if warns),
    )
    app = application(
        "parley",
        Path(__file__).parent,
        outer=outer,
        inner=[check],
        pages=pages.rules,
        lifespan=partial(_lifespan, built if chats and opens else None, not settings.reload, settings.model_probe),
    )
    keys = load_keys(settings)
    loopback_only = keys.generated is not None and not settings.allow_generated_key
    add_routes(app, routes, TagResolver(handlers, found, view), security_handlers(keys, loopback_only=loopback_only))
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


def _cross_origin(settings: Settings, found: Iterable[Operation]) -> Middleware:
    methods = frozenset(operation.method.upper() for operation in found)
    return partial(CrossOriginMiddleware, origins=settings.cors_origins, methods=methods)


def _prepare_flask(inner: flask.Flask, pages: Pages) -> None:
    # Otherwise Flask answers OPTIONS by itself, before any operation of the document.
    inner.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # Otherwise Flask answers // and a missing slash with redirects, which Connexion turns into errors.
    inner.url_map.merge_slashes = False
    inner.url_map.strict_slashes = False

    @cache
    def rule_of(operation: str) -> Rule | None:
        for rule in inner.url_map.iter_rules():
            if getattr(inner.view_functions.get(rule.endpoint), "operation_id", None) == operation:
                return rule
        return None

    @inner.before_request
    def follow_connexion_or_refuse() -> None:
        scope = flask.request.environ.get(SCOPE)
        if scope is None:
            raise RuntimeError(
                "This Flask application holds views only: keys and contract are checked around it. "
                "Serve wsgi:app, not the inner application."
            )
        # Flask routes a second time, more leniently (//v1/models is /v1/models to it), and takes another one of several
        # templates that a path fits. Were it followed, a view could be reached past its security, or a page in the
        # place of the document's own path.
        request, routed = flask.request, operation_of(scope)
        view = inner.view_functions.get(request.endpoint or "")
        if getattr(view, "operation_id", None) == routed and (routed is not None or scope["path"] in pages.rules):
            return
        rule = rule_of(routed) if routed is not None else None
        if rule is None:
            # OPTIONS too: Flask would answer it by itself, for any path.
            flask.abort(405 if routed is None and pages.methods(scope["path"]) else 404)
        request.url_rule, request.view_args, request.routing_exception = rule, dict(scope["path_params"]), None


@contextlib.asynccontextmanager
async def _lifespan(built: Built | None, freezes: bool, probe: float, _app: object) -> AsyncIterator[None]:
    """Open the engine before the first request of a worker, close it after the last."""
    if freezes:
        # What is there now stays: the collector need not look through a large document again with every full round.
        gc.freeze()
    if built is None:
        yield
        return
    pool = ProcessPool(probe)
    if built.served and not models_are_launched():
        log.warning("no model process was started before this worker (see gunicorn.conf.py); it starts one of its own")
        pool.launch([served.launch for served in built.served], workers=1)
    reviving = asyncio.create_task(_revive(pool))
    try:
        await built.engine.start()
        yield
    finally:
        reviving.cancel()
        await built.engine.close()
        pool.close()


async def _revive(pool: ProcessPool) -> None:
    """Start again what has ended of a worker's own model processes, as the master does where it has launched them."""
    while pool.launched:
        await asyncio.sleep(1)
        pool.revive()
