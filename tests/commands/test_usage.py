"""``parley usage report``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from sqlalchemy import insert

from app.settings import Settings
from app.store.address import address_of
from app.store.database import Database
from app.store.migrating import upgrade
from app.store.tables import usage
from tests.conftest import Command
from tests.store.test_usage import record


def fill(folder: Path) -> str:
    url = f"sqlite:///{folder / 'a.sqlite3'}"
    address = address_of(Settings(database=url))
    upgrade(address)

    async def add() -> None:
        database = Database(address)
        async with database.writing() as connection:
            rows = [record(1, cost=1_500_000_000), record(2, key="b"), record(3, key="b", left=True)]
            await connection.execute(insert(usage), rows)
        await database.close()

    asyncio.run(add())
    return url


def test_a_report_is_printed_as_a_table_as_csv_or_as_json(command: Command, tmp_path: Path) -> None:
    url = fill(tmp_path)
    table = command("usage", "report", PARLEY_DATABASE=url).stdout.splitlines()
    assert table[0].split()[:3] == ["key", "requests", "failed"]
    assert table[1].split() == ["a", "1", "0", "0", "10", "5", "2", "1", "1.5000"]
    lines = command("usage", "report", "--format", "csv", "--by", "model", PARLEY_DATABASE=url).stdout.splitlines()
    assert lines[0].startswith("model,requests,failed,left,prompt_tokens")
    assert lines[1].startswith("m,3,0,1,30,15")
    found = json.loads(command("usage", "report", "--format", "json", "--key", "b", PARLEY_DATABASE=url).stdout)
    assert [(row["key"], row["requests"], row["left"]) for row in found] == [("b", 2, 1)]


def test_days_bound_a_report(command: Command, tmp_path: Path) -> None:
    url = fill(tmp_path)
    assert (
        json.loads(command("usage", "report", "--until", "2020-01-01", "--format", "json", PARLEY_DATABASE=url).stdout)
        == []
    )


def test_without_a_database_the_command_says_how_to_get_one(command: Command, tmp_path: Path) -> None:
    ended = command("usage", "report", PARLEY_STATE_DIR=str(tmp_path))
    assert ended.exit_code == 1
    assert "parley db init" in ended.output
