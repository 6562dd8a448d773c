"""What is done now and then: old rows are removed, by one process at a time."""

from __future__ import annotations

import asyncio
import datetime
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import StoreUnavailable
from .database import Database
from .tables import leases
from .usage import roll_up

log = logging.getLogger("parley")

# Work in one transaction; it returns whether there may be more of it.
Work = Callable[[AsyncConnection], Awaitable[bool]]

# Seconds between two rounds, and for how long one process holds the work.
_PAUSE = 600.0
_HELD = 540
_LEASE = "maintenance"


class Maintenance:
    """Runs ``work`` in this process while no other one does. It belongs to one event loop."""

    def __init__(self, database: Database, work: Sequence[Work], *, pause: float = _PAUSE) -> None:
        self._database = database
        self._work = work
        self._pause = pause
        self._holder = secrets.token_hex(8)

    async def run(self) -> None:
        """Work until it is cancelled."""
        while True:
            # Workers start at the same time, and need not ask at the same time.
            await asyncio.sleep(self._pause * (0.5 + secrets.randbelow(1000) / 1000))
            try:
                if await self.take():
                    await self.work()
            except StoreUnavailable:
                log.warning("old rows of the database could not be removed; they will be in the next round")

    async def take(self) -> bool:
        """Return whether it is this process's turn."""
        now = int(time.time())
        async with self._database.writing() as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            row = {"name": _LEASE, "holder": "", "until": 0}
            await connection.execute(dialect.insert(leases).values(row).on_conflict_do_nothing())
            taken = await connection.execute(
                update(leases)
                .where(leases.c.name == _LEASE, (leases.c.until <= now) | (leases.c.holder == self._holder))
                .values(holder=self._holder, until=now + _HELD)
            )
            return taken.rowcount == 1

    async def work(self) -> None:
        """Do all work once."""
        for work in self._work:
            more = True
            while more:
                async with self._database.writing() as connection:
                    more = await work(connection)
                await asyncio.sleep(0)


def rolls_up(days: int) -> Work:
    """Return the work that adds up the usage older than this many days."""

    async def work(connection: AsyncConnection) -> bool:
        today = datetime.datetime.now(datetime.UTC).date()
        if count := await roll_up(connection, today - datetime.timedelta(days=days)):
            log.info("%d records of usage were added up by day", count)
        return count > 0

    return work


async def held_until(database: Database) -> int:
    """Return until when the work is held by some process, in Unix seconds; 0: by none."""
    async with database.reading() as connection:
        found = (await connection.execute(select(leases.c.until).where(leases.c.name == _LEASE))).scalar()
        return found or 0
