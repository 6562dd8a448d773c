"""The limits in force that belong to no key of the database: those of models, and of keys from the settings."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from sqlalchemy import and_, func, or_, select

from ..errors import StoreUnavailable
from ..limits.limits import Limits
from .database import Database
from .limits import limits_of_row
from .names import DEFAULT_PROJECT, SHORT_NAME, is_short_name
from .tables import limits

log = logging.getLogger("parley")

# The shortest time between two reads, and the longest that a start waits for the first one, in seconds.
_LEAST = 0.2
_FIRST = 5.0


class Definitions:
    """Reads the limits every ``seconds`` in the background; while the database is away, those that were read before
    hold. It belongs to one event loop."""

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._seconds = max(seconds, _LEAST)
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self.of_models: Mapping[str, Limits] = {}
        self.of_keys: Mapping[str, Limits] = {}
        self.of_default_project: Limits | None = None
        # Grows with each read.
        self.version = 0

    async def open(self) -> None:
        """Read the limits, and go on doing so."""
        first = asyncio.create_task(self._try())
        await asyncio.wait({first}, timeout=_FIRST)
        self._task = asyncio.create_task(self._run(first))

    async def close(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self, first: asyncio.Task[None]) -> None:
        await first
        while True:
            await asyncio.sleep(self._seconds)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.read()
        except StoreUnavailable:
            if not self._failing:
                self._failing = True
                log.error("the limits cannot be read from the database: those that were read before hold")
            return
        if self._failing:
            self._failing = False
            log.info("the limits can be read from the database again")

    async def read(self) -> None:
        """Read the limits now.

        Raises:
            StoreUnavailable: the database cannot be used now.
        """
        of_default = and_(limits.c.kind == "project", limits.c.subject == DEFAULT_PROJECT)
        of_keys = and_(limits.c.kind == "key", func.length(limits.c.subject) == SHORT_NAME)
        wanted = select(limits).where(or_(limits.c.kind == "model", of_default, of_keys))
        async with self._database.reading() as connection:
            rows = (await connection.execute(wanted)).mappings().all()
        found = {(row["kind"], row["subject"]): limits_of_row(row) for row in rows}
        self.of_models = {subject: each for (kind, subject), each in found.items() if kind == "model"}
        self.of_keys = {
            subject: each for (kind, subject), each in found.items() if kind == "key" and is_short_name(subject)
        }
        self.of_default_project = found.get(("project", DEFAULT_PROJECT))
        self.version += 1
