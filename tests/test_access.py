"""Who may use the server: which keys there are, with a database and without."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from app.access import access, check_database, has_other_keys
from app.errors import ConfigurationError
from app.settings import Settings
from app.store import keys
from app.store.address import address_of
from app.store.database import Database
from app.store.migrating import upgrade
from app.web.configured_keys import ConfiguredKeys


def with_key(settings: Settings, **fields: Any) -> None:
    """Make the database, and a key in it."""
    address = address_of(settings)
    upgrade(address)

    async def create() -> None:
        database = Database(address)
        await keys.create_key(database, "a", "one", **fields)
        await database.close()

    asyncio.run(create())


def revoke(settings: Settings) -> None:
    async def change() -> None:
        database = Database(address_of(settings))
        await keys.revoke_key(database, "a", "one")
        await database.close()

    asyncio.run(change())


def test_without_a_database_the_configured_keys_are_all(tmp_path: Path) -> None:
    found = access(Settings(state_dir=tmp_path, api_keys=("k",)))
    assert found.store is None
    assert isinstance(found.directory, ConfiguredKeys)


def test_a_key_is_generated_only_while_there_is_no_other(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    upgrade(address_of(settings))
    assert not has_other_keys(settings)
    assert access(settings).configured.ring.generated is not None
    with_key(settings)
    assert has_other_keys(settings)
    assert access(settings).configured.ring.digests == ()
    revoke(settings)
    assert not has_other_keys(settings)
    assert access(settings).configured.ring.generated is not None


def test_a_worker_starts_while_the_database_is_away_and_accepts_no_generated_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("parley"), "propagate", True)
    settings = Settings(state_dir=tmp_path, database=f"sqlite:///{tmp_path}/no/such.sqlite3")
    found = access(settings)
    assert found.store is not None
    assert found.configured.ring.digests == ()
    assert "No key is generated" in caplog.text


def test_the_database_that_the_settings_name_is_created_at_the_start(tmp_path: Path) -> None:
    check_database(Settings(state_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []
    check_database(Settings(database=f"sqlite:///{tmp_path}/new/a.sqlite3"))
    assert (tmp_path / "new" / "a.sqlite3").exists()


def test_one_that_cannot_be_created_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be created"):
        check_database(Settings(database=f"sqlite:///{tmp_path}/file/a.sqlite3"))
