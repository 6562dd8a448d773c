"""The database: its address, its tables, and what happens when it cannot be used."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from app.errors import ConfigurationError, StoreUnavailable
from app.settings import Settings
from app.store import audit
from app.store import database as module
from app.store.address import Address, address_of, has_database
from app.store.database import Database
from app.store.migrating import check_current, is_current, revision, upgrade
from app.store.tables import metadata, projects

from ..patience import PATIENCE


def test_the_migrations_make_just_the_tables_of_the_code(address: Address) -> None:
    with Database(address).blocking.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_an_upgrade_changes_nothing_the_second_time(database_url: str) -> None:
    address = address_of(Settings(database=database_url))
    assert revision(address) is None
    assert upgrade(address)
    assert not upgrade(address)
    assert is_current(address)


def test_a_sqlite_file_is_made_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a b.sqlite3"
    check_current(address_of(Settings(database=f"sqlite:///{tmp_path}/new/a%20b.sqlite3")))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.live
def test_a_server_does_not_start_on_postgresql_without_tables(database_url: str) -> None:
    address = address_of(Settings(database=database_url))
    if address.is_sqlite:
        pytest.skip("a SQLite file is brought up to date")
    with pytest.raises(ConfigurationError, match="parley db upgrade"):
        check_current(address)


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://host/name", "parley", "postgresql", "http://[", "sqlite:///"]
)
def test_an_address_that_is_neither_of_sqlite_nor_of_postgresql_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^PARLEY_DATABASE must be sqlite:///PATH"):
        address_of(Settings(database=url))


def test_an_address_is_shown_without_its_password() -> None:
    for url in ("postgres://me:secret@host/name", "postgresql://me@host/name?password=secret&sslpassword=secret"):
        shown = address_of(Settings(database=url)).shown
        assert "secret" not in shown
        assert "host/name" in shown


def test_there_is_a_database_once_the_file_in_the_state_folder_exists(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    assert not has_database(settings)
    upgrade(address_of(settings))
    assert has_database(settings)


@pytest.mark.live
def test_to_ask_whether_there_is_a_database_imports_nothing_of_sqlalchemy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from app.settings import Settings; "
        "from app.store.address import has_database; has_database(Settings(state_dir=Path(sys.argv[1]))); "
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 0


def test_the_audit_log_is_only_added_to(address: Address) -> None:
    async def add() -> None:
        database = Database(address)
        async with database.writing() as connection:
            await audit.record(connection, "somebody", "keys.create", "a key", {"project": "default"})
        await database.close()

    asyncio.run(add())
    engine = Database(address).blocking
    statements = ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"]
    row = "INTO audit VALUES (1, 0, 'nobody', 'keys.create', 'a key', '{}')"
    if address.is_sqlite:
        statements += [f"REPLACE {row}", f"INSERT {row} ON CONFLICT DO UPDATE SET actor = 'nobody'"]
    else:
        statements += ["TRUNCATE audit", f"INSERT {row} ON CONFLICT (id) DO UPDATE SET actor = 'nobody'"]
    for statement in statements:
        with pytest.raises(DBAPIError, match="only added to"), engine.begin() as connection:
            connection.execute(text(statement))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT actor FROM audit")).scalars().all() == ["somebody"]


def test_a_database_that_is_away_is_reported_as_such(tmp_path: Path) -> None:
    async def ask(address: Address) -> None:
        database = Database(address)
        async with database.reading() as connection:
            await connection.execute(select(projects))

    with pytest.raises(StoreUnavailable) as caught:
        asyncio.run(ask(address_of(Settings(database=f"sqlite:///{tmp_path}/no/file.sqlite3"))))
    assert str(tmp_path) not in caught.value.message


def test_writers_on_one_file_wait_for_each_other(address: Address) -> None:
    """Transactions that read before they write are the ones that fail if the lock is taken late."""

    async def work() -> None:
        databases = [Database(address) for _ in range(4)]

        async def write(database: Database, name: str) -> None:
            async with database.writing() as connection:
                await connection.execute(select(projects))
                await connection.execute(insert(projects).values(name=name, created_at=0))

        await asyncio.gather(*(write(databases[number % 4], f"p{number}") for number in range(40)))
        async with databases[0].reading() as connection:
            assert len((await connection.execute(select(projects.c.name))).all()) == 41  # and the default one
        for database in databases:
            await database.close()

    asyncio.run(work())


async def reads(database: Database, until: asyncio.Event) -> None:
    async with database.reading():
        await until.wait()


def test_connections_are_closed_when_what_is_being_done_has_ended(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_END", PATIENCE)

    async def work() -> None:
        database = Database(address)
        ends = [asyncio.Event(), asyncio.Event()]
        reading = [asyncio.create_task(reads(database, end)) for end in ends]
        await asyncio.sleep(0.1)
        closing = asyncio.create_task(database.close())
        ends[0].set()
        await reading[0]
        await asyncio.sleep(0.1)
        assert not closing.done()
        reading[1].cancel()
        await asyncio.wait_for(closing, PATIENCE)

    asyncio.run(work())


def test_what_does_not_end_is_not_awaited_for_long(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_END", 0.01)

    async def work() -> None:
        database, end = Database(address), asyncio.Event()
        reading = asyncio.create_task(reads(database, end))
        await asyncio.sleep(0.1)
        await asyncio.wait_for(database.close(), PATIENCE)
        end.set()
        await reading

    asyncio.run(work())
