"""Projects: what keys belong to, and so what they store and use."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import NotFound
from ..limits.limits import Limits
from . import audit
from .database import Database
from .limits import limits_of_row, of_kind
from .names import check_name, is_name
from .tables import limits, projects
from .upserting import insert_into


@dataclass(frozen=True, slots=True)
class Project:
    """A project. ``created_at`` is in Unix seconds."""

    name: str
    created_at: int
    limits: Limits


async def list_projects(database: Database, *, after: str | None = None, limit: int | None = None) -> list[Project]:
    """Return the projects by name: those after ``after``, at most ``limit``.

    Raises:
        StoreUnavailable: the database cannot be used now.
    """
    if after is not None and not is_name(after):
        return []
    return await _read(database, projects.c.name > after if after is not None else None, limit)


async def find_project(database: Database, name: str) -> Project:
    """Return a project.

    Raises:
        NotFound: there is none of this name.
        StoreUnavailable: the database cannot be used now.
    """
    found = await _read(database, projects.c.name == name, 1) if is_name(name) else []
    if not found:
        raise NotFound("There is no project of this name.", param="project", code="project_not_found")
    return found[0]


async def create_project(database: Database, actor: str, name: str) -> Project:
    """Return a project, which is created if there is none of this name. ``actor`` is who creates it.

    Raises:
        BadRequest: the name cannot be one.
        StoreUnavailable: the database cannot be used now.
    """
    check_name(name)
    async with database.writing() as connection:
        await ensure_project(connection, actor, name)
    return await find_project(database, name)


async def ensure_project(connection: AsyncConnection, actor: str, name: str) -> None:
    """Create a project if there is none of this name, in a transaction."""
    row = {"name": name, "created_at": int(time.time())}
    insert = insert_into(connection, projects).values(row).on_conflict_do_nothing().returning(projects.c.name)
    # Not by the number of rows, which is -1 with PostgreSQL.
    if await connection.scalar(insert) is not None:
        await audit.record(connection, actor, "projects.create", name)


async def _read(database: Database, where: ColumnElement[bool] | None, most: int | None) -> list[Project]:
    wanted = select(projects, limits).select_from(projects.outerjoin(limits, of_kind("project", projects.c.name)))
    if where is not None:
        wanted = wanted.where(where)
    async with database.reading() as connection:
        rows = (await connection.execute(wanted.order_by(projects.c.name).limit(most))).mappings().all()
    return [Project(row["name"], row["created_at"], limits_of_row(row)) for row in rows]
