"""What upstreams tell of their answers is recorded in values that every database takes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.accounting import Accounting
from app.accounts import Client
from app.engines.base import Price
from app.limits.limiter import RateLimiter
from app.limits.limits import Limits
from app.limits.sqlite_counts import SqliteCounts
from app.store.address import Address
from app.store.database import Database
from app.store.tables import usage
from app.store.writing import Writer


def recorded(address: Address, **told: Any) -> dict[str, Any]:
    """Return the record of a request to a costly model of which an upstream told this."""

    async def work() -> dict[str, Any]:
        database = Database(address)
        writer = Writer(database)
        # Nothing has limits, so the file is not made.
        limiter = RateLimiter(SqliteCounts(Path("limits.sqlite3")))
        account = Accounting(writer, limiter, lambda _: None).open(None, "req_1", "createChatCompletion", {})
        account.tally.model, account.tally.price = "m", Price(1e6, 1e3, 1e6).of
        for name, value in told.items():
            setattr(account.tally, name, value)
        settled = account.settle(200)
        assert settled is not None
        await settled
        assert not writer.failing
        async with database.reading() as connection:
            (row,) = (await connection.execute(select(usage))).mappings()
        await writer.close()
        await database.close()
        return dict(row)

    return asyncio.run(work())


def test_a_long_reason_or_one_with_nul_is_recorded_in_short(address: Address) -> None:
    assert recorded(address, finish="\0" + "a" * 100)["finish_reason"] == "a" * 32


def test_more_cached_tokens_than_the_prompt_has_give_no_negative_cost(address: Address) -> None:
    told = {"prompt_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 10**6}}
    row = recorded(address, usage=told)
    assert (row["cached_tokens"], row["cost"]) == (10, 10_000)


def test_a_usage_beyond_all_bounds_is_recorded(address: Address) -> None:
    assert recorded(address, usage={"prompt_tokens": 1 << 47, "completion_tokens": 1 << 47})["cost"] == 1 << 53


def test_limits_that_change_hold_from_the_next_request_on(address: Address) -> None:
    async def work() -> None:
        of_models = {"m": Limits(requests_per_minute=1)}
        database = Database(address)
        writer, limiter = Writer(database), RateLimiter(SqliteCounts(Path("limits.sqlite3")))
        accounting = Accounting(writer, limiter, of_models.get)

        def measures(client: Client | None) -> list[tuple[str, Limits]]:
            return [(each.kind, each.limits) for each in accounting.subjects(client, "m")]

        first, other = Limits(tokens_per_day=2), Limits(tokens_per_day=3)
        assert measures(Client("k", limits=first)) == [("key", first), ("model", of_models["m"])]
        assert measures(Client("k", limits=other)) == [("key", other), ("model", of_models["m"])]
        assert measures(None) == [("model", of_models["m"])]
        assert measures(Client("k", project_limits=first)) == [("project", first), ("model", of_models["m"])]
        of_models["m"] = other
        assert measures(None) == [("model", other)]
        del of_models["m"]
        assert measures(Client("k", limits=first)) == [("key", first)]
        assert measures(None) == []
        await writer.close()
        await database.close()

    asyncio.run(work())
