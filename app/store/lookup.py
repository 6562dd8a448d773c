"""One read of the database for many keys: who they belong to, and until when that is so."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from ..accounts import Client
from ..limits.limits import MEASURES
from .database import Database
from .limits import limits_of_row, of_kind
from .tables import keys, limits, secrets

_OF_KEY, _OF_PROJECT = limits.alias("of_key"), limits.alias("of_project")


@dataclass(frozen=True, slots=True)
class Found:
    """A client, and until when its key is valid, in Unix seconds; None: for ever."""

    client: Client
    until: int | None


async def look_up(database: Database, digests: Sequence[bytes]) -> dict[bytes, Found]:
    """Return the clients of those digests that belong to valid keys. A key that was revoked or has expired is to the
    database as one that does not exist.

    Raises:
        StoreUnavailable: the database cannot be used now.
    """
    async with database.reading() as connection:
        rows = (await connection.execute(_statement([digest.hex() for digest in digests]))).mappings().all()
    return {bytes.fromhex(row["digest"]): _found(row) for row in rows}


def valid_now() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for a secret and its key to be valid."""
    now = int(time.time())
    return (
        keys.c.revoked_at.is_(None),
        or_(keys.c.expires_at.is_(None), keys.c.expires_at > now),
        or_(secrets.c.expires_at.is_(None), secrets.c.expires_at > now),
    )


def _statement(digests: list[str]) -> Select[Any]:
    joined = (
        secrets.join(keys, keys.c.name == secrets.c.key)
        .outerjoin(_OF_KEY, of_kind("key", keys.c.name, _OF_KEY))
        .outerjoin(_OF_PROJECT, of_kind("project", keys.c.project, _OF_PROJECT))
    )
    columns = (secrets.c.digest, secrets.c.expires_at.label("secret_until"), keys.c.expires_at.label("key_until"))
    measures = [
        table.c[measure].label(prefix + measure)
        for table, prefix in ((_OF_KEY, "key_"), (_OF_PROJECT, "project_"))
        for measure in MEASURES
    ]
    wanted = select(*columns, keys.c.name, keys.c.project, keys.c.models, *measures).select_from(joined)
    return wanted.where(secrets.c.digest.in_(digests), *valid_now())


def _found(row: Mapping[Any, Any]) -> Found:
    ends = [end for end in (row["secret_until"], row["key_until"]) if end is not None]
    client = Client(
        row["name"],
        row["project"],
        frozenset(json.loads(row["models"])) if row["models"] is not None else None,
        limits_of_row(row, "key_") or None,
        limits_of_row(row, "project_") or None,
    )
    return Found(client, min(ends, default=None))
