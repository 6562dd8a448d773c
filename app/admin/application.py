"""The operators' application: the document `openapi/admin.yaml`, served by the same machinery as the clients'."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from connexion import FlaskApp
from sqlalchemy import select

from ..assembly import Assembly
from ..configuration.document import own_document
from ..contract.document import Document
from ..contract.handlers import Handler, Handlers
from ..contract.operations import Operation
from ..contract.routing import TagResolver
from ..errors import StoreUnavailable
from ..settings import Settings
from ..store.address import address_of
from ..store.database import Database
from ..web.reloading import Reloading
from ..web.security import security_handlers
from ..web.view import OperationView
from .address import bind_of
from .beside import Beside
from .keys import OperatorKeys, key_file
from .models import ModelIds
from .starting import require_database

_DOCUMENT = "admin.yaml"
_HANDLERS = "app.admin.handlers"


def beside(clients: FlaskApp | Reloading, settings: Settings) -> Beside:
    """Return the clients' application and the operators' as one, chosen by the address.

    Raises:
        ConfigurationError: there is no such address, or no database.
    """
    bind = bind_of(settings)
    assert bind is not None
    require_database(settings)
    database = Database(address_of(settings))
    return Beside(clients, operators_application(settings, database), bind, lambda: clients.app, database.close)


def operators_application(settings: Settings, database: Database) -> FlaskApp:
    """Return the application. It depends on no setting of what clients are served: document, handlers, mocks, web
    pages.

    Raises:
        ConfigurationError: the configuration of the models cannot be used.
    """
    assembly = Assembly(Document.load(own_document(_DOCUMENT)), settings)
    services: dict[type, object] = {Database: database, ModelIds: ModelIds(settings)}
    views: dict[str, OperationView] = {}

    def view(operation: Operation, handler: Handler | None) -> OperationView:
        return views.setdefault(operation.key, OperationView(operation, handler, assembly.schemas, services))

    async def ready() -> bool:
        try:
            async with database.reading() as connection:
                await connection.execute(select(1))
        except StoreUnavailable:
            return False
        return True

    return assembly.application(
        TagResolver(Handlers((_HANDLERS,)), assembly.operations, view),
        views,
        security_handlers(OperatorKeys(key_file(settings))),
        ready=ready,
        lifespan=_nothing,
    )


@contextlib.asynccontextmanager
async def _nothing(_app: object) -> AsyncIterator[None]:
    # `app.admin.beside` closes the database.
    yield
