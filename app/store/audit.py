"""The audit log: who has changed what, in the transaction of the change itself."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .tables import audit

# The actor of changes by the command line.
COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Entry:
    """A change. ``id`` counts up; ``time`` is in Unix seconds; ``actor`` is who made it; ``detail`` has the new values,
    without secrets."""

    id: int
    time: int
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


async def record(
    connection: AsyncConnection, actor: str, action: str, subject: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Add a row to the audit log. ``action`` is such as ``keys.create``; ``detail`` must contain no secret."""
    row = {
        "time": int(time.time()),
        "actor": actor,
        "action": action,
        "subject": subject,
        "detail": json.dumps(detail or {}, sort_keys=True),
    }
    await connection.execute(insert(audit).values(row))


async def list_entries(
    database: Database,
    *,
    before: int | None = None,
    limit: int | None = None,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
) -> list[Entry]:
    """Return the changes, the newest first: those before the id ``before``, at most ``limit``, and only those of an
    ``actor``, an ``action`` or a ``subject``.

    Raises:
        StoreUnavailable: the database cannot be used now.
    """
    wanted = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(audit.c.id < before)
    for column, value in ((audit.c.actor, actor), (audit.c.action, action), (audit.c.subject, subject)):
        if value is None:
            continue
        if not value.isprintable():
            return []  # no text of the log has such characters, and PostgreSQL could not even be asked for some
        wanted = wanted.where(column == value)
    async with database.reading() as connection:
        rows = (await connection.execute(wanted)).mappings().all()
    return [Entry(**{**row, "detail": json.loads(row["detail"])}) for row in rows]
