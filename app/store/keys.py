"""API keys in the database: a name, a project, and secrets of which only the SHA-256 is stored."""

from __future__ import annotations

import json
import math
import secrets as random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import BadRequest, Conflict, NotFound
from ..limits.limits import Limits
from . import audit
from .database import Database
from .limits import check_measures, limits_of_row, of_kind, write_limits
from .names import DEFAULT_PROJECT, check_models, check_name, is_name, is_short_name
from .projects import ensure_project
from .tables import keys, limits, secrets

# What every secret begins with, how many random bytes follow it, and how many of its characters are shown.
_BEGINNING = "sk-parley-"
_BYTES = 32
_SHOWN = len(_BEGINNING) + 6


@dataclass(frozen=True, slots=True)
class Secret:
    """What is shown of a secret: its beginning, and when it was made and ceases to be valid, in Unix seconds."""

    prefix: str
    created_at: int
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key. ``models`` are the ids of the models that it may use, None: all. ``secrets`` are those that are valid, the
    newest first: one, and the one before while the key is rotated. Times are in Unix seconds."""

    name: str
    project: str
    models: tuple[str, ...] | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    limits: Limits
    secrets: tuple[Secret, ...]

    @property
    def status(self) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= time.time() else "active"


@dataclass(frozen=True, slots=True)
class Made:
    """A key with its new secret, which is nowhere else and must be shown once."""

    key: Key
    secret: str

    def __repr__(self) -> str:
        return f"Made(key={self.key!r})"


async def create_key(
    database: Database,
    actor: str,
    name: str,
    *,
    project: str = DEFAULT_PROJECT,
    models: Iterable[str] | None = None,
    expires_at: int | None = None,
    measures: Mapping[str, int | None] | None = None,
) -> Made:
    """Create a key, and its project if there is none of this name. ``actor`` is who creates it, ``measures`` are its
    limits, ``expires_at`` is in Unix seconds.

    Raises:
        BadRequest: a value is out of bounds.
        Conflict: there is a key of this name, which may have been revoked.
        StoreUnavailable: the database cannot be used now.
    """
    allowed = tuple(dict.fromkeys(models)) if models is not None else None
    check_new_key(name, project, allowed, expires_at)
    check_measures(measures or {})
    now, secret = int(time.time()), _new_secret()
    row = {
        "name": name,
        "project": project,
        "models": models_written(allowed),
        "created_at": now,
        "expires_at": expires_at,
    }
    try:
        async with database.writing() as connection:
            await ensure_project(connection, actor, project)
            await connection.execute(keys.insert().values(row))
            await connection.execute(secrets.insert().values(_row_of(name, secret, now)))
            told = {"project": project, "models": allowed, "expires_at": expires_at, "prefix": secret[:_SHOWN]}
            await audit.record(connection, actor, "keys.create", name, told)
            await write_limits(connection, actor, "key", name, measures or {})
            return Made(await find_in(connection, name), secret)
    except IntegrityError:
        raise Conflict("There is a key of this name already.", param="name", code="key_exists") from None


async def list_keys(
    database: Database, *, project: str | None = None, after: str | None = None, limit: int | None = None
) -> list[Key]:
    """Return the keys by name, those revoked included: those of a ``project``, after the name ``after``, at most
    ``limit``.

    Raises:
        StoreUnavailable: the database cannot be used now.
    """
    given = [name for name in (project, after) if name is not None]
    if not all(map(is_name, given)):
        return []
    where = []
    if project is not None:
        where.append(keys.c.project == project)
    if after is not None:
        where.append(keys.c.name > after)
    async with database.reading() as connection:
        return await _read(connection, where, limit)


async def find_key(database: Database, name: str) -> Key:
    """Return a key.

    Raises:
        NotFound: there is none of this name.
        StoreUnavailable: the database cannot be used now.
    """
    check_exists(name)
    async with database.reading() as connection:
        return await find_in(connection, name)


async def revoke_key(database: Database, actor: str, name: str) -> Key:
    """Revoke a key for ever; if it has been revoked before, nothing changes.

    Raises:
        NotFound: there is none of this name.
        StoreUnavailable: the database cannot be used now.
    """
    check_exists(name)
    async with database.writing() as connection:
        change = update(keys).where(keys.c.name == name, keys.c.revoked_at.is_(None))
        if (await connection.execute(change.values(revoked_at=int(time.time())))).rowcount:
            await audit.record(connection, actor, "keys.revoke", name)
        return await find_in(connection, name)


async def rotate_key(database: Database, actor: str, name: str, *, grace: float = 0) -> Made:
    """Give a key a new secret. Those that it has are valid for another ``grace`` seconds.

    Raises:
        NotFound: there is no key of this name.
        Conflict: it has been revoked, or has expired.
        BadRequest: the time is negative or longer than a year.
        StoreUnavailable: the database cannot be used now.
    """
    check_exists(name)
    if not 0 <= grace <= 366 * 86400:
        raise BadRequest("Invalid 'grace': it is from 0 seconds to a year.", param="grace", code="invalid_value")
    now, secret = int(time.time()), _new_secret()
    end = math.ceil(time.time() + grace) if grace else now
    async with database.writing() as connection:
        # Of several rotations at once, each waits for the one before.
        await connection.execute(select(keys.c.name).where(keys.c.name == name).with_for_update())
        key = await find_in(connection, name)
        if key.status != "active":
            raise Conflict(
                f"This key has {_PAST[key.status]}. Create another one.", param="name", code="key_not_active"
            )
        mine = secrets.c.key == name
        await connection.execute(
            update(secrets)
            .where(mine, or_(secrets.c.expires_at.is_(None), secrets.c.expires_at > end))
            .values(expires_at=end)
        )
        await connection.execute(delete(secrets).where(mine, secrets.c.expires_at <= now))
        await connection.execute(secrets.insert().values(_row_of(name, secret, now)))
        await audit.record(connection, actor, "keys.rotate", name, {"prefix": secret[:_SHOWN], "old_until": end})
        return Made(await find_in(connection, name), secret)


def check_new_key(name: str, project: str, models: tuple[str, ...] | None, expires_at: int | None) -> None:
    """Validate what a key is to be.

    Raises:
        BadRequest: a value is out of bounds.
    """
    check_name(name)
    if is_short_name(name):
        raise BadRequest(
            "Invalid 'name': eight hexadecimal digits are the short name of a key from the settings.",
            param="name",
            code="invalid_value",
        )
    check_values(project, models, expires_at)


def check_values(project: str | None, models: tuple[str, ...] | None, expires_at: int | None) -> None:
    """Validate what a key may be given; None is not checked.

    Raises:
        BadRequest: a value is out of bounds.
    """
    if project is not None:
        check_name(project, "project")
    if models is not None:
        check_models(models)
    if expires_at is not None and not time.time() < expires_at < 1 << 40:
        raise BadRequest("Invalid 'expires_at': it must be in the future.", param="expires_at", code="invalid_value")


def digest_of(secret: str) -> str:
    """Return what is stored of a secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


_PAST = {"revoked": "been revoked", "expired": "expired"}


def check_exists(name: str) -> None:
    """Validate that a key may have this name.

    Raises:
        NotFound: none can.
    """
    # A database could not even be asked for some texts.
    if not is_name(name):
        raise _unknown()


def _unknown() -> NotFound:
    return NotFound("There is no key of this name.", param="name", code="key_not_found")


def _new_secret() -> str:
    return _BEGINNING + random.token_urlsafe(_BYTES)


def _row_of(name: str, secret: str, now: int) -> dict[str, Any]:
    return {"digest": digest_of(secret), "key": name, "prefix": secret[:_SHOWN], "created_at": now, "expires_at": None}


def models_written(models: tuple[str, ...] | None) -> str | None:
    """Return what is stored of the models that a key may use."""
    return None if models is None else json.dumps(models)


async def find_in(connection: AsyncConnection, name: str) -> Key:
    """Return a key, in a transaction.

    Raises:
        NotFound: there is none of this name.
    """
    found = await _read(connection, [keys.c.name == name], 1)
    if not found:
        raise _unknown()
    return found[0]


async def _read(connection: AsyncConnection, where: list[Any], most: int | None) -> list[Key]:
    joined = keys.outerjoin(limits, of_kind("key", keys.c.name))
    wanted = select(keys, limits).select_from(joined).where(*where).order_by(keys.c.name).limit(most)
    rows = (await connection.execute(wanted)).mappings().all()
    valid = or_(secrets.c.expires_at.is_(None), secrets.c.expires_at > int(time.time()))
    of_these = secrets.c.key.in_(select(keys.c.name).where(*where).order_by(keys.c.name).limit(most))
    order = (secrets.c.created_at.desc(), func.coalesce(secrets.c.expires_at, 1 << 40).desc())
    shown: dict[str, list[Secret]] = {}
    for row in (await connection.execute(select(secrets).where(of_these, valid).order_by(*order))).mappings():
        shown.setdefault(row["key"], []).append(Secret(row["prefix"], row["created_at"], row["expires_at"]))
    return [
        Key(
            row["name"],
            row["project"],
            tuple(json.loads(row["models"])) if row["models"] is not None else None,
            row["created_at"],
            row["expires_at"],
            row["revoked_at"],
            limits_of_row(row),
            tuple(shown.get(row["name"], ())),
        )
        for row in rows
    ]
