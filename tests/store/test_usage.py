"""Reports of usage, of records and of the sums that replace old ones."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import insert

from app.store.address import Address
from app.store.database import Database
from app.store.maintenance import Maintenance, rolls_up
from app.store.tables import usage
from app.store.usage import BY, DAY_MS, By, Period, Sums, first_id, records, report, roll_up

TODAY = (datetime.datetime.now(datetime.UTC).date() - datetime.date(1970, 1, 1)).days


def record(number: int, **fields: Any) -> dict[str, Any]:
    time = fields.get("time", TODAY * DAY_MS + number)
    usual = {
        "id": f"{first_id(time)}{number:020}",
        "request_id": f"req_{number}",
        "time": time,
        "operation": "createChatCompletion",
        "key": "a",
        "project": "default",
        "asked": "m",
        "model": "m",
        "upstream": None,
        "status": 200,
        "error": None,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "reasoning_tokens": 2,
        "cached_tokens": 1,
        "cost": 7,
        "first_ms": 1,
        "total_ms": 2,
        "finish_reason": "stop",
        "stream": False,
        "left": False,
        "estimated": False,
    }
    return {**usual, **fields}


ROWS = [
    record(1),
    record(2, key="b", project="other", status=429, error="rate_limit_exceeded", prompt_tokens=0, completion_tokens=0),
    record(3, model="n", stream=True, error="engine_unavailable"),
    record(4, time=(TODAY - 100) * DAY_MS + 5, left=True),
    record(5, time=(TODAY - 100) * DAY_MS + 6, key=None, project=None),
    record(6, time=(TODAY - 91) * DAY_MS),
]


def run(address: Address, work: Callable[[Database], Awaitable[Any]], rows: list[dict[str, Any]] = ROWS) -> Any:
    async def inner() -> Any:
        database = Database(address)
        if rows:
            async with database.writing() as connection:
                await connection.execute(insert(usage), rows)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(inner())


def of(found: list[Sums]) -> Mapping[str, Sums]:
    return {each.of: each for each in found}


def test_a_report_adds_up_requests_tokens_and_cost(address: Address) -> None:
    found = of(run(address, lambda database: report(database, "key")))
    assert found["a"] == Sums("a", 4, 1, 1, 40, 20, 8, 4, 28)
    assert found["b"] == Sums("b", 1, 1, 0, 0, 0, 2, 1, 7)
    assert found[""].requests == 1  # a request without a key


def test_a_report_is_by_project_model_or_day(address: Address) -> None:
    day = str(datetime.date(1970, 1, 1) + datetime.timedelta(days=TODAY))
    assert set(of(run(address, lambda database: report(database, "project")))) == {"", "default", "other"}
    assert set(of(run(address, lambda database: report(database, "model"), []))) == {"m", "n"}
    assert of(run(address, lambda database: report(database, "day"), []))[day].requests == 3


def test_a_report_can_be_of_some_days_and_of_one_key(address: Address) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    found = of(run(address, lambda database: report(database, "model", Period(today, today), {"key": "a"})))
    assert {name: sums.requests for name, sums in found.items()} == {"m": 1, "n": 1}


def test_the_sums_are_the_same_once_old_records_are_added_up_by_day(address: Address) -> None:
    async def work(database: Database) -> None:
        before = [await report(database, by) for by in BY]
        maintenance = Maintenance(database, [rolls_up(90)])
        assert await maintenance.take()
        await maintenance.work()
        assert [row["id"][-1] for row in await records(database, limit=10)] == ["3", "2", "1"]
        assert [await report(database, by) for by in BY] == before
        # Late records of a day that has been added up are added to it.
        async with database.writing() as connection:
            await connection.execute(insert(usage), [record(7, time=(TODAY - 100) * DAY_MS)])
        await maintenance.work()
        days = of(await report(database, "day"))
        assert days[str(datetime.date(1970, 1, 1) + datetime.timedelta(days=TODAY - 100))].requests == 3

    run(address, work)


def test_old_records_are_added_up_a_few_at_a_time(address: Address) -> None:
    async def work(database: Database) -> list[int]:
        before = datetime.date(1970, 1, 1) + datetime.timedelta(days=TODAY - 90)
        made = []
        for _ in range(3):
            async with database.writing() as connection:
                made.append(await roll_up(connection, before, 2))
        assert of(await report(database, "project"))["default"].requests == 4
        return made

    assert run(address, work) == [2, 1, 0]


def test_one_process_at_a_time_removes_old_rows(address: Address) -> None:
    async def work(database: Database) -> list[bool]:
        first, second = Maintenance(database, []), Maintenance(database, [])
        return [await first.take(), await second.take(), await first.take()]

    assert run(address, work) == [True, False, True]


def test_records_are_listed_page_by_page_from_the_newest(address: Address) -> None:
    async def work(database: Database) -> list[str]:
        first = await records(database, limit=2)
        last = first[-1]
        second = await records(database, limit=10, before=last["id"])
        return [row["id"][-1] for row in (*first, *second)]

    assert run(address, work) == ["3", "2", "1", "6", "5", "4"]


@pytest.mark.parametrize("by", BY)
def test_names_in_a_report_are_values_not_statements(address: Address, by: By) -> None:
    odd = "x'); DROP TABLE usage; -- \u00e9\u4e16"
    rows = [record(1, key=odd[:64], project=odd[:64], model=odd)]
    found = run(address, lambda database: report(database, by, None, {"model": odd}), rows)
    assert [each.requests for each in found] == [1]
