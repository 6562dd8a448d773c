"""Records of usage: one for each request, and their sums by day once they are no longer kept."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Select, Table, delete, func, literal_column, select, union_all
from sqlalchemy import case as case_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .tables import usage, usage_days

By = Literal["key", "project", "model", "day"]
BY: tuple[By, ...] = get_args(By)

DAY_MS = 86_400_000
_EPOCH = datetime.date(1970, 1, 1)
_SUMS = (
    *("requests", "failed", "left", "prompt_tokens", "completion_tokens"),
    *("reasoning_tokens", "cached_tokens", "cost"),
)


def first_id(time: int) -> str:
    """Return the lowest id of a record of a time in Unix milliseconds."""
    return f"{time:012x}"


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of the records of a key, project, model or day (``of``). ``failed``: the answer's status was 400 or
    higher, or a stream ended with an error. Tokens that were cached are a part of the prompt's, tokens of reasoning a
    part of the answer's. ``cost`` is in billionths of the operator's currency."""

    of: str
    requests: int
    failed: int
    left: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    cost: int


@dataclass(frozen=True, slots=True)
class Period:
    """The days of a report, both included; None: no bound."""

    first: datetime.date | None = None
    last: datetime.date | None = None

    def days(self) -> tuple[int | None, int | None]:
        """Return the bounds as days since 1970-01-01."""
        return (
            None if self.first is None else (self.first - _EPOCH).days,
            None if self.last is None else (self.last - _EPOCH).days,
        )


async def report(
    database: Database, by: By, period: Period | None = None, only: Mapping[str, str] | None = None
) -> list[Sums]:
    """Return the sums of all usage, in the order of what they are of. ``only`` restricts them to a key, project or
    model.

    Raises:
        StoreUnavailable: the database cannot be used now.
    """
    period, only = period or Period(), only or {}
    first, last = period.days()
    day: ColumnElement[int] = usage.c.time // DAY_MS
    parts = union_all(
        _grouped(_records_sums(), usage, by, day, _records_of(first, last), only),
        _grouped(_days_sums(), usage_days, by, usage_days.c.day, _days_of(first, last), only),
    ).subquery()
    statement = (
        select(parts.c.of, *(func.sum(parts.c[name]).label(name) for name in _SUMS))
        .group_by(parts.c.of)
        .order_by(parts.c.of)
    )
    async with database.reading() as connection:
        rows = (await connection.execute(statement)).all()
    return [Sums(_named(by, row[0]), *(int(value) for value in row[1:])) for row in rows]


async def records(
    database: Database, *, limit: int, before: str | None = None, only: Mapping[str, str] | None = None
) -> list[Mapping[str, Any]]:
    """Return the last records, the newest first, as mappings by column. ``before`` is the id of the record that
    they come after.

    Raises:
        StoreUnavailable: the database cannot be used now.
    """
    statement = select(usage).order_by(usage.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(usage.c.id < before)
    for name, value in (only or {}).items():
        statement = statement.where(usage.c[name] == value)
    async with database.reading() as connection:
        return [dict(row) for row in (await connection.execute(statement)).mappings()]


async def roll_up(connection: AsyncConnection, before: datetime.date, most: int = 5000) -> int:
    """Replace the oldest records of the days before a day with their sums, in a transaction; return how many there
    were, at most ``most``: meanwhile no other process can write to a SQLite file."""
    cutoff = first_id((before - _EPOCH).days * DAY_MS)
    later = select(usage.c.id).where(usage.c.id < cutoff).order_by(usage.c.id).offset(most).limit(1)
    cutoff = (await connection.execute(later)).scalar() or cutoff
    names = ("key", "project", "model")
    old = (
        select(
            (usage.c.time // DAY_MS).label("day"),
            *(func.coalesce(usage.c[name], "").label(name) for name in names),
            *_records_sums(),
        )
        .where(usage.c.id < cutoff)
        .group_by(literal_column("1"), literal_column("2"), literal_column("3"), literal_column("4"))
    )
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    columns = ["day", *names, *_SUMS]
    # SQLite needs the WHERE to tell the ON of the conflict from that of a join.
    rows = old.subquery()
    statement = dialect.insert(usage_days).from_select(columns, select(rows).where(literal_column("1 = 1")))
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["day", *names],
            set_={name: usage_days.c[name] + statement.excluded[name] for name in _SUMS},
        )
    )
    done = await connection.execute(delete(usage).where(usage.c.id < cutoff))
    return done.rowcount


def _grouped(
    sums: list[ColumnElement[Any]],
    table: Table,
    by: By,
    day: ColumnElement[int],
    of_days: Sequence[ColumnElement[bool]],
    only: Mapping[str, str],
) -> Select[Any]:
    of = day if by == "day" else func.coalesce(table.c[by], "")
    statement = select(of.label("of"), *sums).where(*of_days).group_by(literal_column("1"))
    for name, value in only.items():
        statement = statement.where(table.c[name] == value)
    return statement


def _records_of(first: int | None, last: int | None) -> list[ColumnElement[bool]]:
    found = [] if first is None else [usage.c.id >= first_id(first * DAY_MS)]
    return found if last is None else [*found, usage.c.id < first_id((last + 1) * DAY_MS)]


def _days_of(first: int | None, last: int | None) -> list[ColumnElement[bool]]:
    found = [] if first is None else [usage_days.c.day >= first]
    return found if last is None else [*found, usage_days.c.day <= last]


def _records_sums() -> list[ColumnElement[Any]]:
    failed = (usage.c.status >= 400) | usage.c.error.is_not(None)
    counted = {"requests": func.count(), "failed": _count(failed), "left": _count(usage.c.left)}
    return [counted[name].label(name) if name in counted else func.sum(usage.c[name]).label(name) for name in _SUMS]


def _days_sums() -> list[ColumnElement[Any]]:
    return [func.sum(usage_days.c[name]).label(name) for name in _SUMS]


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case_((condition, 1), else_=0))


def _named(by: By, value: Any) -> str:
    return str(_EPOCH + datetime.timedelta(days=int(value))) if by == "day" else str(value)
