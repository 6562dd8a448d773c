"""Inserts rows with statements that are written once.

For a few rows, to compile a statement, and SQLAlchemy's objects around it, would take several times as long as the
database does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import PoolProxiedConnection

from .database import Database

Row = Mapping[str, Any]


class Locked(Exception):
    """Another process holds the lock of the file."""


class Inserts:
    """Inserts rows over one connection. ``waits``: until another process releases the lock of a SQLite file; otherwise
    `Locked` is raised, and the connection does not write its log back to the file, which waits for the disk."""

    def __init__(self, database: Database, *, waits: bool = True) -> None:
        self._database = database
        self._waits = waits
        self._connection: PoolProxiedConnection | None = None
        self._statements: dict[Table, tuple[str, Sequence[str]]] = {}

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What is raised when the database cannot be written to."""
        error: type[Exception] = self._database.blocking.dialect.loaded_dbapi.Error
        return (error, SQLAlchemyError, OSError)

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What is raised for a row that the database does not take, such as one with too long a text. Some are of
        `errors` too."""
        driver = self._database.blocking.dialect.loaded_dbapi
        return (driver.DataError, driver.IntegrityError, ValueError, OverflowError)

    def insert(self, by_table: Mapping[Table, Sequence[Row]]) -> None:
        """Insert rows in one transaction. Raises the driver's errors, and SQLAlchemy's if there is no connection."""
        connection = self._connection or self._connect()
        try:
            cursor = connection.cursor()
            if self._database.is_sqlite:
                cursor.execute("BEGIN IMMEDIATE")
            for table, rows in by_table.items():
                statement, names = self._statement(table)
                cursor.executemany(statement, [tuple(map(row.get, names)) for row in rows])
            cursor.close()
            connection.commit()
        except BaseException as error:
            if not self._waits and "locked" in str(error):
                raise Locked from None
            self._connection = None
            # While the error is known, it keeps a cursor alive, which would keep SQLite's lock.
            with contextlib.suppress(*self.errors):
                connection.rollback()
            connection.invalidate()
            raise

    def checkpoint(self) -> None:
        """Write the log of a SQLite file back to it, as far as nobody reads what it replaces."""
        with contextlib.suppress(*self.errors):
            (self._connection or self._connect()).cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> PoolProxiedConnection:
        connection = self._connection = self._database.blocking.raw_connection()
        if not self._waits:
            for pragma in ("busy_timeout=0", "wal_autocheckpoint=0"):
                connection.cursor().execute(f"PRAGMA {pragma}")
        return connection

    def _statement(self, table: Table) -> tuple[str, Sequence[str]]:
        found = self._statements.get(table)
        if found is None:
            names = [column.name for column in table.columns if column.autoincrement is not True]
            marks = ", ".join(["?" if self._database.is_sqlite else "%s"] * len(names))
            quote = self._database.blocking.dialect.identifier_preparer.quote
            text = (
                f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, names))}) VALUES ({marks}) "
                "ON CONFLICT DO NOTHING"
            )
            found = self._statements[table] = (text, names)
        return found
