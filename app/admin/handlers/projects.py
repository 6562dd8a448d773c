"""Operations with the tag ``Projects``."""

from __future__ import annotations

from ...jsontypes import Json
from ...store.database import Database
from ...store.projects import create_project as create
from ...store.projects import find_project
from ...store.projects import list_projects as list_stored
from ...web.exchange import Request
from ..showing import actor_of, page, shown_project


async def list_projects(request: Request, after: str | None = None, limit: int = 20) -> Json:
    """``GET /projects``: return a page of the projects."""
    found = await list_stored(request.service(Database), after=after, limit=limit + 1)
    return page(found, limit, shown_project, lambda project: project.name)


async def create_project(body: Json, request: Request) -> Json:
    """``POST /projects``: create a project, or return the one of this name."""
    return shown_project(await create(request.service(Database), actor_of(request), body["name"]))


async def get_project(project: str, request: Request) -> Json:
    """``GET /projects/{project}``: return a project."""
    return shown_project(await find_project(request.service(Database), project))
