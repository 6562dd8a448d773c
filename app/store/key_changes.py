"""Changes of an API key after it has been created: its project, models, expiry and limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from sqlalchemy import select, update

from ..errors import Conflict
from . import audit
from .database import Database
from .keys import Key, check_exists, check_values, find_in, models_written
from .limits import check_measures, write_limits
from .projects import ensure_project
from .tables import keys


class Changes(TypedDict, total=False):
    """New values; what is missing stays as it is. ``models`` are the ids of the models that the key may use, None: all;
    ``expires_at`` is in Unix seconds, None: never."""

    project: str
    models: Iterable[str] | None
    expires_at: int | None


async def change_key(
    database: Database,
    actor: str,
    name: str,
    changes: Changes,
    measures: Mapping[str, int | None] | None = None,
) -> Key:
    """Change a key, and return it. ``actor`` is who does so. A measure among ``measures`` that is None removes its
    limit. A new project is created if there is none of its name.

    Raises:
        NotFound: there is no key of this name.
        Conflict: it has been revoked.
        BadRequest: a value is out of bounds.
        StoreUnavailable: the database cannot be used now.
    """
    check_exists(name)
    values = dict(changes)
    given = changes.get("models")
    models = tuple(dict.fromkeys(given)) if given is not None else None
    check_values(changes.get("project"), models, changes.get("expires_at"))
    check_measures(measures or {})
    if "models" in values:
        values["models"] = models_written(models)
    async with database.writing() as connection:
        # Of several changes at once, each waits for the one before.
        await connection.execute(select(keys.c.name).where(keys.c.name == name).with_for_update())
        if (await find_in(connection, name)).revoked_at is not None:
            raise Conflict("This key has been revoked. Create another one.", param="name", code="key_not_active")
        if values:
            if "project" in changes:
                await ensure_project(connection, actor, changes["project"])
            await connection.execute(update(keys).where(keys.c.name == name).values(values))
            told = {**changes, **({"models": models} if "models" in changes else {})}
            await audit.record(connection, actor, "keys.change", name, told)
        await write_limits(connection, actor, "key", name, measures or {})
        return await find_in(connection, name)
