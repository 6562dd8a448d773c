"""The one place where the parts of the application are put together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from connexion import FlaskApp

from .access import Access, access
from .assembly import Assembly
from .chat.foreign import SPARE
from .chat.limits import Limits
from .chat.service import Chat
from .configuration.building import Built
from .configuration.document import OWN_HANDLERS, contract_path, handlers_of
from .configuration.served import built_of, engine_of
from .contract.document import Document
from .contract.handlers import Handler
from .contract.operations import Operation
from .contract.routing import TagResolver
from .contract.schemas import Schemas
from .domains import (
    DOMAINS,
    asking_operations,
    foreign_readings,
    model_operations,
    needs_engine,
    served_document,
)
from .engines.base import Engine
from .frameworks.connexion import Middleware
from .keeping import Keeping
from .model_process.address import models_are_launched
from .model_process.pool import ProcessPool
from .responses.service import Responses
from .settings import Settings
from .web.accounting import AccountMiddleware
from .web.conventions import OURS
from .web.logs import configure_logs
from .web.reloading import Reloading
from .web.security import security_handlers
from .web.view import OperationView

if TYPE_CHECKING:
    from .admin.beside import Beside

log = logging.getLogger("parley")

# So many new objects are collected at a time.
_YOUNG = 10_000

# The operation that reads a stored completion.
_READS = "getChatCompletion"


def build(settings: Settings | None = None) -> FlaskApp | Reloading | Beside:
    """Return the application; see `app.create_app`."""
    settings = settings if settings is not None else Settings.from_environment()
    # All objects that exist now stay, so the garbage collector need not scan them while a large document is read.
    gc.freeze()
    clients = _clients(settings)
    if settings.admin_bind is None:
        return clients
    # Imported here: it imports what a database needs.
    from .admin.application import beside

    return beside(clients, settings)


def _clients(settings: Settings) -> FlaskApp | Reloading:
    if not settings.reload:
        return wire(settings)
    path, built, keys = contract_path(settings), engine_of(settings), access(settings)
    return Reloading(
        lambda: wire(settings, built=built, keys=keys),
        lambda: wire(settings, built=built, keys=keys, opens=False),
        lambda: Document.load(path).files,
        shown=str(path),
    )


def wire(
    settings: Settings,
    engine: Engine | None = None,
    *,
    built: Built | None = None,
    keys: Access | None = None,
    opens: bool = True,
) -> FlaskApp:
    """Return one application. ``built``, or an ``engine`` alone, replaces the engine that the settings ask for, and
    ``keys`` what they say of keys. ``opens``: all of this is started and closed with the application, and so are the
    model processes, if nothing has started them before.

    Raises:
        ConfigurationError: as `app.create_app`.
    """
    configure_logs()
    if built is None:
        built = engine_of(settings) if engine is None else built_of(engine)
    engine = built.engine
    keys = keys or access(settings)
    document = served_document(settings, built.extra)
    assembly = Assembly(document, settings)
    found, schemas = assembly.operations, assembly.schemas
    handlers = handlers_of(settings)
    handlers.check_names(found)
    chats = needs_engine(settings, found)
    limits = Limits(settings.max_choices, settings.max_total_tokens, settings.max_tools)
    readings = foreign_readings(settings, document, found)
    keeping = _keeping(keys, found, schemas)
    domains = {
        domain: domain(
            engine,
            policy=settings.unsupported,
            limits=limits,
            read=readings.get(domain),
            limiters=built.limiters,
            keeping=keeping if domain is Chat else None,
        )
        for domain in DOMAINS.values()
    }
    for operation, domain in model_operations(settings, found) if settings.spec is not None else ():
        if pointer := operation.response_schema(200, "application/json"):
            domains[domain].fit(schemas.validator(pointer))
    responses = Responses(domains[Chat], read=readings.get(Responses))
    services: dict[type, object] = {**domains, Responses: responses}
    if keeping is not None:
        services[Keeping] = keeping
    conventions = OURS
    if settings.conventions == "document" and settings.spec is not None:
        # Imported here: it imports the tools that generate samples, which a server with our conventions does not need.
        from .web.document_conventions import DocumentConventions

        conventions = DocumentConventions(document, schemas, found)
    if settings.mock == "off":
        mocks = None
    else:
        # Imported here for the same reason.
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
        # Our own answers, adapted to another author's document.
        spare = SPARE if ours and settings.spec is not None else None
        made = OperationView(operation, handler, schemas, services, spare=spare, quick=ours)
        return views.setdefault(operation.key, made)

    async def ready() -> bool:
        return not chats or await engine.ready()

    accounts: list[Middleware] = []
    if keys.accounting is not None:
        names = {operation.key: operation.id for operation, _ in asking_operations(settings, found)}
        accounts = [partial(AccountMiddleware, operations=names, opens=keys.accounting.open)]
    loopback_only = keys.configured.ring.generated is not None and not settings.allow_generated_key
    return assembly.application(
        TagResolver(handlers, found, view),
        views,
        security_handlers(keys.directory, loopback_only=loopback_only),
        ready=ready,
        accounts=accounts,
        lifespan=partial(
            _lifespan,
            built if chats and opens else None,
            keys if opens else None,
            not settings.reload,
            settings.model_probe,
        ),
        conventions=conventions,
        tolerant=frozenset(each.key for each, _ in asking_operations(settings, found) if warns),
        origins=settings.cors_origins,
    )


def _keeping(keys: Access, found: Iterable[Operation], schemas: Schemas) -> Keeping | None:
    """Return what keeps completions and answers, if there is a database. What is stored must fit what reads it."""
    if keys.store is None:
        return None
    reading = next((each.response_schema(200, "application/json") for each in found if each.id == _READS), None)
    accepts = (lambda _: True) if reading is None else schemas.validator(reading, "response").is_valid
    return replace(keys.store.keeping, accepts=accepts)


@contextlib.asynccontextmanager
async def _lifespan(
    built: Built | None, keys: Access | None, freezes: bool, probe: float, _app: object
) -> AsyncIterator[None]:
    """Start the engine and the database before a worker's first request, and close them after the last."""
    if freezes:
        # All objects that exist now stay: a full garbage collection need not scan a large document each time.
        gc.freeze()
        # A long conversation has thousands of objects, and hardly any request leaves garbage for the collector.
        if 0 < gc.get_threshold()[0] < _YOUNG:
            gc.set_threshold(_YOUNG)
    async with _opened(keys), _started(built, probe):
        yield


@contextlib.asynccontextmanager
async def _opened(keys: Access | None) -> AsyncIterator[None]:
    if keys is None:
        yield
        return
    try:
        await keys.open()
        yield
    finally:
        await keys.close()


@contextlib.asynccontextmanager
async def _started(built: Built | None, probe: float) -> AsyncIterator[None]:
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
    """Restart those of a worker's own model processes that have ended, as the master does for those it has launched."""
    while pool.launched:
        await asyncio.sleep(1)
        pool.revive()
