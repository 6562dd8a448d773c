"""The audit log: who has changed what, in the transaction of the change itself."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from .tables import audit

# The actor of changes by the command line.
COMMAND_LINE = "command line"


async def record(
    connection: AsyncConnection, actor: str, action: str, subject: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Add a row to the audit log. ``action`` is such as ``keys.create``; ``detail`` must contain no secret."""
    row = {
        "time": int(time.time()),
        "actor": actor,
        "action": action,
        "subject": subject,
        "detail": json.dumps(detail or {}, sort_keys=True),
    }
    await connection.execute(insert(audit).values(row))
