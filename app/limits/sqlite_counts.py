"""Counts in a SQLite file, for the workers of one machine.

The event loop makes the transactions itself, since they are smaller than the work of asking a thread, and one for all
that has come up in a turn of the loop. What may take longer is done elsewhere: while another process has the file, the
loop goes on, and a thread writes the log of the file (WAL) back, which waits for the disk.

Nothing waits for the disk before an answer. So counts survive every end of a process, but not all of the last seconds
before a power failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .counts import DONE, Correction, Hold, Reading, Unavailable, undoing
from .sqlite_transaction import Transaction

_TABLES = """
CREATE TABLE IF NOT EXISTS counts (
    id INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE, state BLOB NOT NULL, expires INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS leases (
    subject TEXT NOT NULL, request TEXT NOT NULL, expires REAL NOT NULL, PRIMARY KEY (subject, request)
) WITHOUT ROWID;
"""

# Seconds for which the file may be locked before it counts as unavailable, and for which the end of a request waits.
_PATIENCE = 2.0
_LITTLE = 0.1
# Seconds for which a correction waits for others.
_CORRECTION = 0.02
# Seconds between attempts while it is locked.
_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.05
# The size in bytes from which the log of the file is written back, and seconds between removals of old rows.
_LOG_SIZE = 4 << 20
_REMOVAL = 60.0


@dataclass(slots=True, eq=False)
class _Waiting:
    """A reservation that is to be made."""

    request: str
    holds: Sequence[Hold]
    force: bool
    reading: asyncio.Future[Reading]


class SqliteCounts:
    """Counts in a file, which is created when it is needed; ``clock`` returns seconds since 1970. They belong to one
    event loop."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._opening = asyncio.Lock()
        # What the next transaction does, in this order, and who waits for its corrections.
        self._renewals: dict[str, Sequence[str]] = {}
        self._corrections: list[Correction] = []
        self._reservations: list[_Waiting] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._next: asyncio.Handle | None = None
        self._soon = False
        # Since when the file has been locked, and the pause until the next attempt; None and 0 if it is not.
        self._locked: float | None = None
        self._pause = 0.0
        self._removed = 0.0

    async def open(self) -> None:
        """See `Counts.open`."""
        async with self._opening:
            if self._connection is None:
                try:
                    self._connection = await asyncio.to_thread(_open, self._path)
                except (sqlite3.Error, OSError) as error:
                    raise Unavailable(_reason(error)) from error

    async def reserve(self, request: str, holds: Sequence[Hold], force: bool) -> Reading:
        """See `Counts.reserve`."""
        if self._connection is None:
            await self.open()
        reading: asyncio.Future[Reading] = asyncio.get_running_loop().create_future()
        self._reservations.append(_Waiting(request, holds, force, reading))
        if not self._soon:
            self._schedule()
        try:
            return await reading
        except asyncio.CancelledError:
            # The client left. What has been counted in the same moment is taken back.
            if reading.done() and not reading.cancelled() and reading.exception() is None:
                self.correct(undoing(request, holds, reading.result().now))
            raise

    def correct(self, correction: Correction) -> Awaitable[object]:
        """See `Counts.correct`."""
        if not (correction.subjects or correction.leases):
            return DONE
        self._corrections.append(correction)
        if correction.leases:
            # Its places are free at once: the client may use one in another worker.
            self._schedule()
            return _Corrected(self)
        # Until it is made, a little too much is counted. It is made with the next reservation, and so before it; each
        # transaction that is saved is a tenth of what a request costs.
        if self._next is None:
            self._schedule(_CORRECTION)
        return DONE

    async def corrected(self) -> None:
        """Wait until the corrections so far are made, but not for a file that stays locked."""
        if self._corrections:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def renew(self, leases: Mapping[str, Sequence[str]]) -> None:
        """See `Counts.renew`."""
        self._renewals = dict(leases)
        self._schedule()

    async def upkeep(self) -> None:
        """See `Counts.upkeep`."""
        if self._corrections or self._renewals:
            await self.open()
            self._schedule()
        if self._connection is not None:
            removal = time.monotonic() > self._removed + _REMOVAL
            if removal:
                self._removed = time.monotonic()
            await asyncio.to_thread(_maintain, self._path, self._clock() if removal else None)

    async def close(self) -> None:
        """See `Counts.close`."""
        if self._corrections and self._connection is not None:
            self._schedule()
            await self.corrected()
        if self._next is not None:
            self._next.cancel()
            self._soon = False
        self._disconnect()

    def _schedule(self, pause: float = 0.0) -> None:
        """Make a transaction after a pause in seconds, or when one that is scheduled already is due. None is made
        earlier while the file is locked."""
        if self._next is not None:
            if pause or self._soon or self._locked is not None:
                return
            self._next.cancel()
        self._soon = not pause
        loop = asyncio.get_running_loop()
        self._next = loop.call_later(pause, self._transact) if pause else loop.call_soon(self._transact)

    def _transact(self) -> None:
        """Do all that is to be done in one transaction, or try again later if the file is locked."""
        self._next, self._soon = None, False
        waiting = self._reservations = [each for each in self._reservations if not each.reading.done()]
        connection = self._connection
        if connection is None:
            self._refuse(Unavailable("it was closed after an error"))
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            # The time is read now, so that transactions are in its order.
            transaction = Transaction(connection, self._clock())
            transaction.renew(self._renewals)
            for correction in self._corrections:
                transaction.correct(correction)
            readings = [transaction.reserve(each.request, each.holds, each.force) for each in waiting]
            transaction.write()
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            # The low byte is the code, the others say more.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                self._try_again()
            else:
                self._refuse(Unavailable(_reason(error)))
            return
        except Exception as error:
            # A fault of ours: whoever waits is told, and what caused it is not tried again.
            self._roll_back()
            self._renewals.clear()
            self._corrections.clear()
            self._refuse(error)
            raise
        self._renewals.clear()
        self._corrections.clear()
        self._reservations = []
        self._locked, self._pause = None, 0.0
        for each, reading in zip(waiting, readings, strict=True):
            each.reading.set_result(reading)
        self._wake()

    def _try_again(self) -> None:
        now = time.monotonic()
        if self._locked is None:
            self._locked = now
        if now > self._locked + _LITTLE:
            self._wake()
        if now > self._locked + _PATIENCE:
            # Each request tries once from now on, and `upkeep`.
            self._refuse(Unavailable("another process has locked the file"))
            return
        self._schedule(self._pause)
        self._pause = min(self._pause * 2 or _FIRST_PAUSE, _LONGEST_PAUSE)

    def _refuse(self, reason: Exception) -> None:
        for each in self._reservations:
            if not each.reading.done():
                each.reading.set_exception(reason)
        self._reservations.clear()
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def _roll_back(self) -> None:
        connection = self._connection
        try:
            if connection is not None and connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._disconnect()  # the next request opens the file again

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Corrected:
    """What is awaited for corrections."""

    __slots__ = ("_counts",)

    def __init__(self, counts: SqliteCounts) -> None:
        self._counts = counts

    def __await__(self) -> Generator[Any, Any, None]:
        return self._counts.corrected().__await__()


def _open(path: Path) -> sqlite3.Connection:
    """Open the file, and create it if it is not there; this may wait for other processes and for the disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # An existing file is not opened: closing it would end the locks of this process's connections.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL waits for the disk when the log is written back, which `_maintain` does.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA busy_timeout = 0")
    except BaseException:
        connection.close()
        raise
    return connection


def _maintain(path: Path, now: float | None) -> None:
    """Remove what expired before ``now``, if given, and write the log back if it is long. This waits for the disk."""
    try:
        long = Path(f"{path}-wal").stat().st_size > _LOG_SIZE
        if not long and now is None:
            return
        with contextlib.closing(sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            if now is not None:
                connection.execute("DELETE FROM counts WHERE expires < ?", (now,))
                connection.execute("DELETE FROM leases WHERE expires < ?", (now,))
            if long:
                # The first does most of the work, and nobody waits for it; the second lets the log begin anew.
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                connection.execute("PRAGMA wal_checkpoint(RESTART)")
    except (sqlite3.Error, OSError):
        return  # another process does it, or the next second


def _reason(error: sqlite3.Error | OSError) -> str:
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
