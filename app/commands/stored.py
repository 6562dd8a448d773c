"""How commands use the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from ..configuration.chosen import chosen
from ..errors import ConfigurationError
from ..settings import Settings
from ..store.address import HINT, address_of, has_database

if TYPE_CHECKING:
    from ..store.database import Database

T = TypeVar("T")


def with_database(settings: Settings, work: Callable[[Database], Awaitable[T]], *, make: bool = False) -> T:
    """Return what some work with the database results in. ``make``: a database that is not there is made.

    Raises:
        ConfigurationError: there is no database, or it cannot be used.
        ApiError: the work is refused.
    """
    if not make and not has_database(settings):
        raise ConfigurationError(f"There is no database yet. {HINT}")
    from ..store.database import Database
    from ..store.migrating import check_current, upgrade

    address = address_of(settings)
    if make:
        upgrade(address)
    else:
        check_current(address)

    async def run() -> T:
        database = Database(address)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def model_ids(settings: Settings, names: Iterable[str]) -> list[str]:
    """Return the ids of models that are given by id or alias; a name that the configuration does not have stays as it
    is, because an upstream may have it.

    Raises:
        ConfigurationError: the configuration cannot be used.
    """
    names = list(names)
    if not names:
        return []
    ids = {alias: entry.id for entry in chosen(settings).models for alias in entry.keys.aliases}
    return [ids.get(name, name) for name in names]
