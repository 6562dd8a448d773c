"""Operations with the tag ``Limits``."""

from __future__ import annotations

from ...jsontypes import Json
from ...limits.limits import MEASURES
from ...store.database import Database
from ...store.limits import Defined
from ...store.limits import clear_limits as clear
from ...store.limits import get_limits as get
from ...store.limits import list_limits as list_stored
from ...store.limits import set_limits as set_stored
from ...web.exchange import Request
from ..models import ModelIds
from ..showing import actor_of, limits_id, measures_of, page, shown_defined


async def list_limits(request: Request, after: str | None = None, limit: int = 20, kind: str | None = None) -> Json:
    """``GET /limits``: return a page of the limits that are defined."""
    position = ("", "")
    if after is not None:
        of, _, subject = after.partition("/")
        position = (of, subject)
    found = await list_stored(request.service(Database), kind)
    # They are few: an operator writes each of them.
    found = sorted((each for each in found if (each.kind, each.subject) > position), key=_place)
    return page(found, limit, shown_defined, lambda each: limits_id(each.kind, each.subject))


async def get_limits(kind: str, subject: str, request: Request) -> Json:
    """``GET /limits/{kind}/{subject}``: return the limits of a subject, which may have none."""
    subject = _subject(kind, subject, request)
    return shown_defined(Defined(kind, subject, await get(request.service(Database), kind, subject)))


async def set_limits(kind: str, subject: str, body: Json, request: Request) -> Json:
    """``PUT /limits/{kind}/{subject}``: set all limits of a subject."""
    subject = _subject(kind, subject, request)
    measures = {**dict.fromkeys(MEASURES), **measures_of(body)}
    limits = await set_stored(request.service(Database), actor_of(request), kind, subject, measures)
    return shown_defined(Defined(kind, subject, limits))


async def clear_limits(kind: str, subject: str, request: Request) -> Json:
    """``DELETE /limits/{kind}/{subject}``: remove all limits of a subject."""
    subject = _subject(kind, subject, request)
    cleared = await clear(request.service(Database), actor_of(request), kind, subject)
    return {"object": "limits.cleared", "id": limits_id(kind, subject), "cleared": cleared}


def _subject(kind: str, subject: str, request: Request) -> str:
    return request.service(ModelIds).of(subject) if kind == "model" else subject


def _place(each: Defined) -> tuple[str, str]:
    return each.kind, each.subject
