"""The databases that tests run on: import these fixtures where they are used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from app.store.address import Address, address_of
from app.store.migrating import upgrade

from .servers import Missing, PostgreSQL, Redis, postgresql, redis_server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL server; the test is skipped where none is installed."""
    try:
        with postgresql() as server:
            yield server
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[Redis]:
    """A Redis server; the test is skipped where none is installed."""
    try:
        with redis_server() as server:
            yield server
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.live)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new database without tables, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite3'}"
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    return server.database()


@pytest.fixture
def address(database_url: str) -> Address:
    """The address of a new database with all tables, of each kind in turn."""
    found = address_of(Settings(database=database_url))
    upgrade(found)
    return found


@pytest.fixture
def url(database_url: str, address: Address) -> str:
    """The URL of that database, with all tables."""
    return database_url
