"""The limits that are defined for keys, projects and models. `app.limits` holds requests to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import BadRequest, NotFound
from ..limits.limits import KINDS, MEASURES, Limits
from . import audit
from .database import Database
from .names import is_model, is_name, is_short_name
from .tables import keys, limits, projects
from .upserting import insert_into

# The highest value: a BigInteger can hold sums of it.
_HIGHEST = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class Defined:
    """The limits that are defined for a key, a project or a model; ``subject`` is its name or id."""

    kind: str
    subject: str
    limits: Limits


async def get_limits(database: Database, kind: str, subject: str) -> Limits:
    """Return the limits that are defined for a subject; without any, an empty one.

    Raises:
        BadRequest: there is no such kind.
        StoreUnavailable: the database cannot be used now.
    """
    _check_kind(kind)
    if not is_model(subject):
        return Limits()
    async with database.reading() as connection:
        return await _read(connection, kind, subject)


async def list_limits(database: Database, kind: str | None = None) -> list[Defined]:
    """Return all limits that are defined, by kind and subject; with a ``kind`` its own.

    Raises:
        BadRequest: there is no such kind.
        StoreUnavailable: the database cannot be used now.
    """
    wanted = select(limits).order_by(limits.c.kind, limits.c.subject)
    if kind is not None:
        _check_kind(kind)
        wanted = wanted.where(limits.c.kind == kind)
    async with database.reading() as connection:
        rows = (await connection.execute(wanted)).mappings().all()
    return [Defined(row["kind"], row["subject"], limits_of_row(row)) for row in rows]


async def set_limits(
    database: Database, actor: str, kind: str, subject: str, measures: Mapping[str, int | None]
) -> Limits:
    """Define limits of a subject, and return all that it has now. A measure that is not given stays as it is; None
    removes its limit. ``actor`` is who does so.

    Raises:
        BadRequest: there is no such kind or measure, a value is out of bounds, or a subject cannot be a model's id.
        NotFound: there is no such key or project.
        StoreUnavailable: the database cannot be used now.
    """
    _check_kind(kind)
    check_measures(measures)
    async with database.writing() as connection:
        await _check_subject(connection, kind, subject)
        await write_limits(connection, actor, kind, subject, measures)
        return await _read(connection, kind, subject)


async def clear_limits(database: Database, actor: str, kind: str, subject: str) -> bool:
    """Remove all limits of a subject, and return whether there were any. ``actor`` is who does so.

    Raises:
        BadRequest: there is no such kind.
        StoreUnavailable: the database cannot be used now.
    """
    _check_kind(kind)
    if not is_model(subject):
        return False
    async with database.writing() as connection:
        removed = await connection.execute(delete(limits).where(*_is(kind, subject)))
        if removed.rowcount:
            await audit.record(connection, actor, "limits.clear", f"{kind} {subject}"[:256])
        return bool(removed.rowcount)


def check_measures(measures: Mapping[str, int | None], param: str = "limits") -> None:
    """Validate limits by their names.

    Raises:
        BadRequest: there is no such measure, or its value is out of bounds.
    """
    for name, value in measures.items():
        if name not in MEASURES:
            raise BadRequest(f"Invalid '{param}': there are {', '.join(MEASURES)}.", param=param, code="invalid_value")
        if value is not None and not 0 <= value <= _HIGHEST:
            raise BadRequest(
                f"Invalid '{param}.{name}': a limit is a whole number from 0 to {_HIGHEST}.",
                param=f"{param}.{name}",
                code="invalid_value",
            )


async def write_limits(
    connection: AsyncConnection, actor: str, kind: str, subject: str, measures: Mapping[str, int | None]
) -> None:
    """Change limits of a subject in a transaction; all has been validated."""
    if not measures:
        return
    given = dict(measures)
    row = {"kind": kind, "subject": subject, **given}
    change = insert_into(connection, limits).values(row)
    await connection.execute(change.on_conflict_do_update(index_elements=["kind", "subject"], set_=given))
    # A subject without any limit has no row.
    none = [limits.c[measure].is_(None) for measure in MEASURES]
    await connection.execute(delete(limits).where(*_is(kind, subject), *none))
    await audit.record(connection, actor, "limits.set", f"{kind} {subject}"[:256], given)


def limits_of_row(row: Mapping[Any, Any], prefix: str = "") -> Limits:
    """Return the limits in a row whose columns are called as the measures are, after a prefix."""
    return Limits(**{measure: row[prefix + measure] for measure in MEASURES})


def of_kind(kind: str, subject: ColumnElement[str], table: Any = limits) -> ColumnElement[bool]:
    """Return the condition of a join with the limits of a subject."""
    return and_(table.c.kind == literal(kind), table.c.subject == subject)


async def _read(connection: AsyncConnection, kind: str, subject: str) -> Limits:
    row = (await connection.execute(select(limits).where(*_is(kind, subject)))).mappings().one_or_none()
    return limits_of_row(row) if row is not None else Limits()


def _is(kind: str, subject: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return limits.c.kind == kind, limits.c.subject == subject


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise BadRequest(f"Invalid 'kind': there are {', '.join(KINDS)}.", param="kind", code="invalid_value")


async def _check_subject(connection: AsyncConnection, kind: str, subject: str) -> None:
    if kind == "model":
        if not is_model(subject):
            raise BadRequest(
                "Invalid 'subject': it cannot be the id of a model.", param="subject", code="invalid_value"
            )
        return
    if kind == "key" and is_short_name(subject):
        return  # a key of the settings or of the file of keys, which the database does not know
    table = keys if kind == "key" else projects
    if is_name(subject) and await connection.scalar(select(table.c.name).where(table.c.name == subject)) is not None:
        return
    raise NotFound(f"There is no {kind} of this name.", param="subject", code=f"{kind}_not_found")
