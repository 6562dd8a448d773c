"""Writes rows in batches: whoever waits for a row shares its transaction with all that came in meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from .database import Database, unavailable, writes

log = logging.getLogger("parley")

Row = Mapping[str, Any]

# Rows that are written in one transaction, and rows that may wait while the database is away.
_BATCH = 500
_WAITING = 10_000
# Seconds between two batches, in which rows gather, and until the next attempt after a failure.
_GATHER = 0.002
_RETRY = 1.0
# Seconds that a row which may be lost is waited for. Nothing waits after a failure, until rows can be written again.
_PATIENCE = 2.0


@dataclass(slots=True)
class _Waiting:
    table: Table
    row: Row
    done: asyncio.Future[None]
    # Whether the row is kept while the database is away.
    kept: bool


class Writer:
    """Inserts rows, in order, with a thread of its own. It belongs to one event loop. ``most`` is how many rows may
    wait.

    A row whose primary key exists already has been written before, and is left out.
    """

    def __init__(self, database: Database, *, most: int = _WAITING) -> None:
        self._database = database
        self._most = most
        self._rows: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._task: asyncio.Task[None] | None = None
        self.failing = False
        self._lost = 0

    @property
    def waiting(self) -> int:
        """The number of rows that wait."""
        return len(self._rows)

    async def write(self, table: Table, row: Row) -> None:
        """Write a row, and return when it is committed.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        await asyncio.shield(self.put(table, row, kept=False))

    async def record(self, table: Table, row: Row) -> None:
        """Write a row, and return when it is committed; while the database is away or slow, the row waits in memory
        and this returns."""
        done = self.put(table, row, kept=True)
        if not self.failing:
            await asyncio.wait({done}, timeout=_PATIENCE)
            if not done.done():
                self._fail("it does not answer")

    def put(self, table: Table, row: Row, *, kept: bool) -> asyncio.Future[None]:
        """Write a row as soon as possible; the future is done when it is committed. ``kept``: it is kept in memory
        while the database is away; otherwise the future fails with `StoreUnavailable`."""
        done = asyncio.get_running_loop().create_future()
        # An exception that nobody waits for is no fault.
        done.add_done_callback(lambda future: future.cancelled() or future.exception())
        if self.failing and not kept and len(self._rows) >= _BATCH:
            done.set_exception(unavailable(TimeoutError()))
            return done
        if len(self._rows) >= self._most:
            self._lost += 1
            done.set_exception(unavailable(MemoryError()))
            return done
        self._rows.append(_Waiting(table, row, done, kept))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        return done

    async def close(self) -> None:
        """Write what is left, for some seconds at most."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_PATIENCE)
            self._task.cancel()
        if lost := len(self._rows) + self._lost:
            log.error("the database could not be written to: %d records of usage are lost", lost)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        try:
            while self._rows:
                batch = [self._rows.popleft() for _ in range(min(len(self._rows), _BATCH))]
                await self._write(batch)
                await asyncio.sleep(_RETRY if self.failing else _GATHER)
        finally:
            self._task = None

    async def _write(self, batch: list[_Waiting]) -> None:
        by_table: dict[Table, list[Row]] = {}
        for waiting in batch:
            by_table.setdefault(waiting.table, []).append(waiting.row)
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._insert, by_table)
        except (SQLAlchemyError, OSError) as error:
            self._fail(type(error).__name__)
            for waiting in batch:
                if not waiting.kept and not waiting.done.done():
                    waiting.done.set_exception(unavailable(error))
            self._rows.extendleft(reversed([waiting for waiting in batch if waiting.kept]))
            return
        if self.failing:
            self.failing = False
            log.info("the database can be written to again; %d records of usage are lost", self._lost)
            self._lost = 0
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_result(None)

    def _fail(self, why: str) -> None:
        if not self.failing:
            self.failing = True
            log.error("the database cannot be written to (%s): records of usage wait in memory", why)

    def _insert(self, by_table: Mapping[Table, list[Row]]) -> None:
        with writes(self._database.blocking).begin() as connection:
            for table, rows in by_table.items():
                _insert_new(connection, table, rows)


def _insert_new(connection: Connection, table: Table, rows: list[Row]) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)
