"""The database: a SQLite file, or PostgreSQL by its URL."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ..errors import StoreUnavailable
from .address import Address

# Seconds after which an operation fails: one that waits for the lock of a SQLite file or for a connection, one that the
# server works on, and any that gives no sign at all.
_WAIT = 5
_STATEMENT = 10
_SILENCE = 15.0

# Seconds for which the end of operations is awaited before all connections are closed.
_END = 2.0

# Execution option of connections that write: SQLite gives them the lock at the beginning. Taken later, it could be
# refused without a wait, because another process has written since the transaction began.
_WRITES = "parley_writes"


class Database:
    """Connections to a database. It belongs to one process and one event loop."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._used = 0
        self._unused: asyncio.Event | None = None

    @cached_property
    def _async(self) -> AsyncEngine:
        # SQLite allows one writer; further connections read.
        return _prepared(create_async_engine(self._url("aiosqlite"), **self._options()))

    @cached_property
    def blocking(self) -> Engine:
        """The database for threads, which may block."""
        return _prepared_sync(create_engine(self._url("pysqlite"), **self._options()))

    @property
    def is_sqlite(self) -> bool:
        return self.address.is_sqlite

    def _url(self, sqlite_driver: str) -> URL:
        return self.address.url.set(drivername=f"sqlite+{sqlite_driver}" if self.is_sqlite else "postgresql+psycopg")

    def _options(self) -> dict[str, Any]:
        if self.is_sqlite:
            return {"connect_args": {"timeout": _WAIT}}
        arguments = {"connect_timeout": _WAIT, "options": f"-c statement_timeout={_STATEMENT * 1000}"}
        return {"connect_args": arguments, "pool_timeout": _WAIT, "pool_pre_ping": True, "pool_recycle": 1800}

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection, None]:
        """A connection to read with.

        Raises:
            StoreUnavailable: the database cannot be used now.
        """
        async with self._connected() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection, None]:
        """A transaction that is committed at the end. A failed constraint is raised as it is.

        Raises:
            StoreUnavailable: the database cannot be used now.
        """
        async with self._connected() as connection:
            await connection.execution_options(**{_WRITES: True})
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[AsyncConnection, None]:
        self._used += 1
        try:
            async with _in_our_words(), self._async.connect() as connection:
                yield connection
        finally:
            self._used -= 1
            if self._unused is not None and not self._used:
                self._unused.set()

    async def close(self) -> None:
        """Close all connections, after the end of what is being done, for which some seconds are waited at most."""
        # A connection that its task is giving back would be closed twice, and aiosqlite waits for ever then.
        with suppress(TimeoutError):
            async with asyncio.timeout(_END):
                while self._used:
                    self._unused = asyncio.Event()
                    await self._unused.wait()
        if "_async" in self.__dict__:
            await self._async.dispose()
        if "blocking" in self.__dict__:
            self.blocking.dispose()


def writes(engine: Engine) -> Engine:
    """Return an engine for threads whose transactions write."""
    return engine.execution_options(**{_WRITES: True})


@asynccontextmanager
async def _in_our_words() -> AsyncGenerator[None, None]:
    try:
        async with asyncio.timeout(_SILENCE):
            yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, OSError, TimeoutError, sqlite3.Error) as error:
        raise unavailable(error) from error


def unavailable(_error: BaseException) -> StoreUnavailable:
    """Return the error that reports a failure of the database to a client."""
    return StoreUnavailable("The server's database cannot be used at the moment. Retry in a moment.", retry_after=5)


def _prepared(engine: AsyncEngine) -> AsyncEngine:
    _prepared_sync(engine.sync_engine)
    return engine


def _prepared_sync(engine: Engine) -> Engine:
    if engine.dialect.name != "sqlite":
        return engine

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        # We begin transactions ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={_WAIT * 1000}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine
