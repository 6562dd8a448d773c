"""Operations with the tag ``Keys``."""

from __future__ import annotations

from typing import Any

from ...jsontypes import Json
from ...store.database import Database
from ...store.key_changes import Changes, change_key
from ...store.keys import Made, find_key
from ...store.keys import create_key as create
from ...store.keys import list_keys as list_stored
from ...store.keys import revoke_key as revoke
from ...store.keys import rotate_key as rotate
from ...store.names import DEFAULT_PROJECT
from ...web.answers import Reply
from ...web.exchange import Request
from ..models import ModelIds
from ..showing import actor_of, measures_of, page, shown_key, shown_secret


async def list_keys(request: Request, after: str | None = None, limit: int = 20, project: str | None = None) -> Json:
    """``GET /keys``: return a page of the keys."""
    found = await list_stored(request.service(Database), project=project, after=after, limit=limit + 1)
    return page(found, limit, shown_key, lambda key: key.name)


async def create_key(body: Json, request: Request) -> Reply:
    """``POST /keys``: create a key, and return it with its secret."""
    made = await create(
        request.service(Database),
        actor_of(request),
        body["name"],
        project=body.get("project") or DEFAULT_PROJECT,
        models=request.service(ModelIds).of_all(body.get("models")),
        expires_at=_whole(body.get("expires_at")),
        measures=measures_of(body.get("limits")),
    )
    return _told_once(made)


async def get_key(name: str, request: Request) -> Json:
    """``GET /keys/{name}``: return a key."""
    return shown_key(await find_key(request.service(Database), name))


async def update_key(name: str, body: Json, request: Request) -> Json:
    """``PATCH /keys/{name}``: change a key."""
    changes: Changes = {}
    if "project" in body:
        changes["project"] = body["project"]
    if "models" in body:
        changes["models"] = request.service(ModelIds).of_all(body["models"])
    if "expires_at" in body:
        changes["expires_at"] = _whole(body["expires_at"])
    measures = measures_of(body.get("limits"))
    return shown_key(await change_key(request.service(Database), actor_of(request), name, changes, measures))


async def revoke_key(name: str, request: Request) -> Json:
    """``POST /keys/{name}/revoke``: revoke a key."""
    return shown_key(await revoke(request.service(Database), actor_of(request), name))


async def rotate_key(name: str, body: Json, request: Request) -> Reply:
    """``POST /keys/{name}/rotate``: give a key a new secret, and return it."""
    grace = body.get("grace") or 0
    return _told_once(await rotate(request.service(Database), actor_of(request), name, grace=grace))


def _told_once(made: Made) -> Reply:
    return Reply(shown_secret(made), headers={"cache-control": "no-store"})


def _whole(value: Any) -> int | None:
    # JSON schema takes 1.0 for an integer.
    return None if value is None else int(value)
