"""Operations with the tag ``Audit``."""

from __future__ import annotations

from ...jsontypes import Json
from ...store.audit import list_entries
from ...store.database import Database
from ...web.exchange import Request
from ..showing import entry_id, page, shown_entry


async def list_audit_entries(
    request: Request,
    after: str | None = None,
    limit: int = 20,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
) -> Json:
    """``GET /audit``: return a page of the changes, the newest first."""
    before = int(after.partition("_")[2]) if after is not None else None
    found = await list_entries(
        request.service(Database), before=before, limit=limit + 1, actor=actor, action=action, subject=subject
    )
    return page(found, limit, shown_entry, entry_id)
