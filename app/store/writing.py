"""Writes rows in batches: whoever waits for a row shares its transaction with all that came in meanwhile.

A thread writes them. A few small rows are written to a SQLite file on the event loop itself, which takes some
microseconds a row, where handing them to a thread and back takes half a millisecond: no lock and no disk is waited for
then.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import Table

from .database import Database, unavailable
from .inserting import Inserts, Locked, Row
from .tables import metadata

log = logging.getLogger("parley")

# Rows that are written in one transaction, and rows that may wait while the database is away.
_BATCH = 500
_WAITING = 10_000
# Seconds between two batches, in which rows gather, and until the next attempt after a failure.
_GATHER = 0.002
_RETRY = 1.0
# Rows that are written on the event loop at a time, seconds until it tries again to get the lock of the file, and how
# often it does before a thread waits for it.
_FEW = 64
_LOCKED = 0.001
_TRIES = 20
# Seconds between two checkpoints of a SQLite file, by a thread.
_CHECKPOINT = 5.0
# Seconds after which writing takes long.
_LONG = 0.02
# Seconds after which nobody waits any more for rows that are kept. Until rows can be written again, nobody waits.
_PATIENCE = 2.0

# Rows come after those of the tables that they refer to.
_ORDER = {table: number for number, table in enumerate(metadata.sorted_tables)}


@dataclass(slots=True)
class _Waiting:
    """Rows that belong together. ``kept``: they stay in memory while the database is away, and whoever waits for them
    goes on."""

    rows: Sequence[tuple[Table, Row]]
    done: asyncio.Future[None]
    kept: bool


class Writer:
    """Inserts rows, in order, with a thread of its own. It belongs to one event loop. ``most`` is how many rows may
    wait.

    A row whose primary key exists already has been written before, and is left out.
    """

    def __init__(self, database: Database, *, most: int = _WAITING) -> None:
        # Whether rows cannot be written now, and whether that takes long; whether the thread waits without an answer.
        self.failing = self.slow = False
        self._stuck = False
        self._most = most
        self._inserts = Inserts(database)
        self._quick = Inserts(database, waits=False) if database.is_sqlite else None
        self._checkpoint: asyncio.TimerHandle | None = None
        self._rows: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._task: asyncio.Task[None] | None = None
        self._lost = 0

    @property
    def waiting(self) -> int:
        """The number of rows that wait."""
        return len(self._rows)

    def write(self, table: Table, row: Row) -> asyncio.Future[None]:
        """Write a row; the future is done when it is committed, or fails with `StoreUnavailable`."""
        return self.write_together([(table, row)])

    def write_together(self, rows: Sequence[tuple[Table, Row]]) -> asyncio.Future[None]:
        """As `write`, of several rows that are written in one transaction."""
        return self._put(rows, kept=False)

    def record(self, table: Table, row: Row) -> asyncio.Future[None]:
        """Write a row; the future is done when it is committed. While the database is away or slow, the row waits in
        memory, and the future is done all the same."""
        return self._put([(table, row)], kept=True)

    def _put(self, rows: Sequence[tuple[Table, Row]], *, kept: bool) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        if len(self._rows) >= self._most:
            self._lost += kept
            _end(done, kept, MemoryError())
            return done
        if self._stuck and not kept:
            _end(done, kept, TimeoutError())
            return done
        self._rows.append(_Waiting(rows, done, kept))
        if self._task is None:
            self._task = loop.create_task(self._run())
        if self.failing and kept:
            done.set_result(None)
        return done

    async def close(self) -> None:
        """Write what is left, for some seconds at most."""
        if (task := self._task) is not None:
            await asyncio.wait({task}, timeout=_PATIENCE)
            task.cancel()
        if lost := len(self._rows) + self._lost:
            log.error("the database could not be written to: %d records of usage are lost", lost)
        if self._checkpoint is not None:
            self._checkpoint.cancel()
        if self._quick is not None:
            self._quick.close()
        self._thread.submit(self._inserts.close)
        self._thread.shutdown(wait=False)

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
            for table, row in waiting.rows:
                by_table.setdefault(table, []).append(row)
        by_table = {table: by_table[table] for table in sorted(by_table, key=_ORDER.__getitem__)}
        try:
            if not await self._write_quickly(batch, by_table):
                await self._write_in_thread(batch, by_table)
        except self._inserts.refusals as error:
            await self._write_apart(batch, error)
            return
        except self._inserts.errors as error:
            self._fail(type(error).__name__)
            for waiting in batch:
                _end(waiting.done, waiting.kept, error)
            self._rows.extendleft(reversed([waiting for waiting in batch if waiting.kept]))
            return
        if self.failing:
            self.failing = False
            log.info("the database can be written to again; %d records of usage are lost", self._lost)
            self._lost = 0
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_result(None)

    async def _write_apart(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """Write what is good of a batch in which the database does not take a row, however often it is tried."""
        if len(batch) > 1:
            for waiting in batch:
                await self._write([waiting])
            return
        log.error("the database does not take a row (%s): it is left out", type(error).__name__)
        _end(batch[0].done, batch[0].kept, error)

    async def _write_quickly(self, batch: Sequence[_Waiting], by_table: Mapping[Table, Sequence[Row]]) -> bool:
        """Write a few small rows on the event loop. Return whether that was possible."""
        quick = self._quick
        if quick is None or self.failing or len(batch) > _FEW or not all(waiting.kept for waiting in batch):
            return False
        for _ in range(_TRIES):
            try:
                quick.insert(by_table)
            except Locked:
                await asyncio.sleep(_LOCKED)
                continue
            self.slow = False
            if self._checkpoint is None:
                self._checkpoint = asyncio.get_running_loop().call_later(_CHECKPOINT, self._start_checkpoint)
            return True
        return False

    async def _write_in_thread(self, batch: Sequence[_Waiting], by_table: Mapping[Table, Sequence[Row]]) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        timers = loop.call_later(_LONG, self._is_slow), loop.call_later(_PATIENCE, self._stop_waiting, batch)
        try:
            await loop.run_in_executor(self._thread, self._inserts.insert, by_table)
        finally:
            self._stuck = False
            for timer in timers:
                timer.cancel()
        self.slow = loop.time() - begun > _LONG

    def _is_slow(self) -> None:
        self.slow = True

    def _start_checkpoint(self) -> None:
        self._checkpoint = None
        self._thread.submit(self._inserts.checkpoint)

    def _stop_waiting(self, batch: Sequence[_Waiting]) -> None:
        self._fail("it does not answer")
        self._stuck = True
        for waiting in (*batch, *self._rows):
            _end(waiting.done, waiting.kept, TimeoutError())
        # What has been refused is not written later.
        self._rows = deque(waiting for waiting in self._rows if waiting.kept)

    def _fail(self, why: str) -> None:
        if not self.failing:
            self.failing = True
            log.error("the database cannot be written to (%s): records of usage wait in memory", why)


def _end(done: asyncio.Future[None], kept: bool, error: BaseException) -> None:
    """Let whoever waits for a row go on, although it has not been written."""
    if done.done():
        return
    if kept:
        done.set_result(None)
        return
    done.set_exception(unavailable(error))
    # A failure that nobody waits for any more is no fault.
    done.exception()
