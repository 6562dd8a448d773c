"""``parley admin keys`` and ``parley audit``."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest

from app.admin.keys import OperatorKeys
from app.settings import Settings
from app.store import audit
from app.store.address import address_of
from app.store.database import Database
from app.store.migrating import upgrade

from ..conftest import Command


def test_a_key_is_created_listed_and_revoked(command: Command, tmp_path: Path) -> None:
    state = {"PARLEY_STATE_DIR": str(tmp_path)}
    keys = OperatorKeys(tmp_path / "admin-keys")
    made = command("admin", "keys", "create", "olivia", **state)
    assert made.exit_code == 0
    secret = made.stdout.removesuffix("\n")
    assert keys.find(secret)
    assert "PARLEY_ADMIN_BIND" in made.stderr
    assert secret not in made.stderr
    other = command("admin", "keys", "create", "oscar", **state, PARLEY_ADMIN_BIND="127.0.0.1:8081")
    assert "PARLEY_ADMIN_BIND" not in other.stderr
    assert command("admin", "keys", "list", **state).stdout == "olivia\noscar\n"
    assert command("admin", "keys", "revoke", "olivia", **state).stdout == "The key olivia is revoked.\n"
    assert keys.find(secret) is None
    assert command("admin", "keys", "list", **state).stdout == "oscar\n"


def test_the_file_of_the_setting_is_used(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "a" / "keys"
    made = command("admin", "keys", "create", "olivia", PARLEY_ADMIN_KEYS_FILE=str(file))
    assert OperatorKeys(file).find(made.stdout.strip())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "a b"], "1 to 64 characters"),
        (["create", "olivia"], "There is an operator's key of this name already."),
        (["revoke", "oscar"], "There is no operator's key of this name."),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    arguments: list[str], said: str, command: Command, tmp_path: Path
) -> None:
    state = {"PARLEY_STATE_DIR": str(tmp_path)}
    command("admin", "keys", "create", "olivia", **state)
    done = command("admin", "keys", *arguments, **state)
    assert done.exit_code == 1
    assert said in done.stderr
    assert done.stdout == ""


@pytest.fixture
def recorded(tmp_path: Path) -> dict[str, str]:
    """Variables that name a database with three changes."""
    database = f"sqlite:///{tmp_path}/a.sqlite3"
    address = address_of(Settings(database=database))
    upgrade(address)

    async def record() -> None:
        used = Database(address)
        async with used.writing() as connection:
            await audit.record(connection, "olivia", "keys.create", "alice", {"project": "default"})
            await audit.record(connection, audit.COMMAND_LINE, "keys.revoke", "alice")
            await audit.record(connection, "olivia", "limits.set", 'model a,b"c', {"tokens_per_day": 1})
        await used.close()

    asyncio.run(record())
    return {"PARLEY_DATABASE": database}


def test_the_audit_log_is_printed_as_a_table_the_newest_first(command: Command, recorded: dict[str, str]) -> None:
    head, *rows = command("audit", **recorded).stdout.splitlines()
    assert head.split() == ["ID", "TIME", "ACTOR", "ACTION", "SUBJECT", "DETAIL"]
    assert [row.split()[0] for row in rows] == ["3", "2", "1"]
    assert "command line  keys.revoke" in rows[1]
    assert rows[2].split(maxsplit=4)[2:] == ["olivia", "keys.create", 'alice        {"project": "default"}']


def test_it_is_printed_for_programs(command: Command, recorded: dict[str, str]) -> None:
    entries = json.loads(command("audit", "--format", "json", **recorded).stdout)
    assert [entry["id"] for entry in entries] == [3, 2, 1]
    assert entries[2]["detail"] == {"project": "default"}
    rows = list(csv.DictReader(io.StringIO(command("audit", "--format", "csv", **recorded).stdout)))
    assert [row["subject"] for row in rows] == ['model a,b"c', "alice", "alice"]
    assert json.loads(rows[0]["detail"]) == {"tokens_per_day": 1}


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--limit", "2"], [3, 2]),
        (["--actor", "command line"], [2]),
        (["--action", "keys.create"], [1]),
        (["--subject", "alice"], [2, 1]),
        (["--subject", "' OR 1=1 --"], []),
    ],
)
def test_it_is_restricted_to_what_is_asked_for(
    options: list[str], ids: list[int], command: Command, recorded: dict[str, str]
) -> None:
    entries = json.loads(command("audit", "--format", "json", *options, **recorded).stdout)
    assert [entry["id"] for entry in entries] == ids


def test_without_a_database_there_is_a_hint(command: Command, tmp_path: Path) -> None:
    done = command("audit", PARLEY_STATE_DIR=str(tmp_path))
    assert done.exit_code == 1
    assert "parley db init" in done.stderr
