"""Operations with the tag ``Audit``."""

from __future__ import annotations

import re

from ...jsontypes import Json
from ...store.audit import list_entries
from ...store.database import Database
from ...web.exchange import Request
from ..showing import entry_id, page, shown_entry, wrong_cursor

_ID = re.compile(r"audit_([0-9]{1,18})")


async def list_audit_entries(
    request: Request,
    after: str | None = None,
    limit: int = 20,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
) -> Json:
    """``GET /audit``: return a page of the changes, the newest first."""
    before = None
    if after is not None:
        match = _ID.fullmatch(after)
        if match is None:
            raise wrong_cursor()
        before = int(match[1])
    found = await list_entries(
        request.service(Database), before=before, limit=limit + 1, actor=actor, action=action, subject=subject
    )
    return page(found, limit, shown_entry, entry_id)
