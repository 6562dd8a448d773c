"""Rows are written in batches; what is acknowledged is committed, and a database that is away stops nobody."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from app.errors import StoreUnavailable
from app.settings import Settings
from app.store.address import Address, address_of
from app.store.database import Database
from app.store.migrating import upgrade
from app.store.tables import projects
from app.store.writing import Writer
from tests.patience import PATIENCE, until

from .servers import PostgreSQL


def row(number: int) -> dict[str, object]:
    return {"name": f"p{number}", "created_at": number}


async def count(database: Database) -> int:
    async with database.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(projects))).scalar_one() - 1


def test_what_is_acknowledged_is_committed(address: Address) -> None:
    async def work() -> None:
        database, other = Database(address), Database(address)
        writer = Writer(database)
        await asyncio.gather(*(writer.write(projects, row(number)) for number in range(700)))
        assert await count(other) == 700
        await writer.close()
        await database.close()
        await other.close()

    asyncio.run(work())


def test_a_writer_is_closed_while_it_writes_and_loses_nothing(address: Address) -> None:
    async def work() -> None:
        database = Database(address)
        writer = Writer(database)
        written = writer.record(projects, row(1))
        await writer.close()
        assert written.done()
        assert await count(database) == 1
        await database.close()

    asyncio.run(work())


def test_a_row_that_is_there_already_is_left_out(address: Address) -> None:
    async def work() -> None:
        database = Database(address)
        writer = Writer(database)
        await writer.write(projects, row(1))
        await writer.write(projects, row(1))
        assert await count(database) == 1
        await writer.close()
        await database.close()

    asyncio.run(work())


def test_rows_that_may_wait_are_written_once_the_database_is_back(tmp_path: Path) -> None:
    address = address_of(Settings(database=f"sqlite:///{tmp_path / 'there' / 'a.sqlite3'}"))

    async def work() -> None:
        database = Database(address)
        writer = Writer(database)
        await writer.record(projects, row(1))  # does not fail
        with pytest.raises(StoreUnavailable):
            await writer.write(projects, row(2))
        upgrade(address)
        await until(lambda: writer.waiting == 0)
        await until(lambda: not writer.failing)
        await writer.write(projects, row(3))
        assert await count(database) == 2
        await writer.close()
        await database.close()

    asyncio.run(work())


def test_memory_for_rows_that_wait_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    address = address_of(Settings(database=f"sqlite:///{tmp_path / 'never' / 'a.sqlite3'}"))

    async def work() -> None:
        database = Database(address)
        writer = Writer(database, most=10)
        for number in range(20):
            await writer.record(projects, row(number))
        assert writer.waiting == 10
        await writer.close()
        await database.close()

    asyncio.run(work())
    assert "20 records of usage are lost" in caplog.text


@pytest.mark.live
@pytest.mark.long
def test_a_database_that_gives_no_sign_stops_only_those_who_need_it(postgresql_server: PostgreSQL) -> None:
    address = address_of(Settings(database=postgresql_server.database()))
    upgrade(address)

    async def work() -> None:
        database = Database(address)
        writer = Writer(database)
        await writer.write(projects, row(1))
        pid = await backend(database, address)
        loop = asyncio.get_running_loop()
        postgresql_server.signal(pid, signal.SIGSTOP)
        try:
            await writer.record(projects, row(2))  # returns after a while
            begun = loop.time()
            for number in range(3, 50):
                await writer.record(projects, row(number))  # these at once
            assert loop.time() - begun < 5
        finally:
            postgresql_server.signal(pid, signal.SIGCONT)
        await until(lambda: writer.waiting == 0 and not writer.failing)
        await writer.write(projects, row(50))
        assert await count(database) == 50
        await writer.close()
        await database.close()

    asyncio.run(work())


@pytest.mark.parametrize("bad", [{"created_at": 1 << 70}, {"name": "\ud800"}])
def test_a_row_that_no_database_takes_is_left_out_and_stops_no_other(
    address: Address, bad: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        database = Database(address)
        writer = Writer(database)
        good = [writer.record(projects, row(1)), writer.write(projects, row(2))]
        left_out, refused = (put(projects, row(3) | bad) for put in (writer.record, writer.write))
        good.append(writer.record(projects, row(4)))
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(left_out, *good)
            with pytest.raises(StoreUnavailable):
                await refused
        assert (await count(database), writer.waiting, writer.failing) == (3, 0, False)
        await writer.close()
        await database.close()

    asyncio.run(work())
    assert "does not take a row" in caplog.text


@pytest.mark.live
@pytest.mark.long
def test_while_a_database_gives_no_sign_what_must_be_committed_is_refused_at_once_and_not_written_later(
    postgresql_server: PostgreSQL,
) -> None:
    address = address_of(Settings(database=postgresql_server.database()))
    upgrade(address)

    async def work() -> None:
        database = Database(address)
        writer = Writer(database)
        await writer.write(projects, row(1))
        pid = await backend(database, address)
        postgresql_server.signal(pid, signal.SIGSTOP)
        try:
            # The first is with the database already; the second waits.
            first = writer.write(projects, row(2))
            await asyncio.sleep(0.1)
            async with asyncio.timeout(PATIENCE):
                for refused in (first, writer.write(projects, row(3))):
                    with pytest.raises(StoreUnavailable):
                        await refused
                with pytest.raises(StoreUnavailable):
                    await writer.write(projects, row(4))
            assert writer.waiting == 0
        finally:
            postgresql_server.signal(pid, signal.SIGCONT)
        await until(lambda: not writer.failing)
        await writer.write(projects, row(5))
        async with database.reading() as connection:
            names = (await connection.execute(select(projects.c.name))).scalars().all()
        assert not {"p3", "p4"} & set(names)
        await writer.close()
        await database.close()

    asyncio.run(work())


async def backend(database: Database, address: Address) -> int:
    """Return the process that serves the writer's connection."""
    async with database.reading() as connection:
        own = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        found = await connection.execute(
            text("SELECT pid FROM pg_stat_activity WHERE datname = :name AND pid != :own"),
            {"name": address.url.database, "own": own},
        )
        pid = found.scalars().one()
    assert isinstance(pid, int)
    return pid
