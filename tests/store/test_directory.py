"""The directory of clients: what it reads of the database, and how often."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event, text

from app.accounts import Client
from app.errors import StoreUnavailable
from app.limits.limits import Limits
from app.settings import Settings
from app.store import directory as module
from app.store import keys, limits, tables
from app.store.address import Address, address_of
from app.store.database import Database
from app.store.directory import Directory
from app.store.migrating import upgrade
from app.web.configured_keys import ConfiguredKeys
from app.web.keys import KeyRing
from tests.patience import little_work, until

LONG = 1000.0


@dataclass
class Seen:
    """A directory, and the statements that it has made."""

    database: Database
    directory: Directory
    statements: list[str] = field(default_factory=list)

    async def find(self, token: str) -> Client | None:
        found = self.directory.find(token)
        return found if found is None or isinstance(found, Client) else await found


@asynccontextmanager
async def directory(address: Address, seconds: float = LONG, configured: str = "sk-configured") -> AsyncIterator[Seen]:
    """A directory that remembers for so many seconds."""
    database = Database(address)
    seen = Seen(database, Directory(database, ConfiguredKeys(Settings(api_keys=(configured,))), seconds))

    @event.listens_for(database._async.sync_engine, "before_cursor_execute")
    def record(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "limits AS of_key" in statement:
            seen.statements.append(statement)

    try:
        yield seen
    finally:
        await seen.directory.close()
        await database.close()


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock so many seconds ahead of the real time."""
    real = time.time
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: real() + seconds)


def test_a_key_brings_its_project_models_and_limits(address: Address) -> None:
    async def work() -> None:
        async with directory(address) as seen:
            made = await keys.create_key(
                seen.database, "a", "one", project="p", models=["m"], measures={"tokens_per_day": 1}
            )
            await limits.set_limits(seen.database, "a", "project", "p", {"tokens_per_day": 2})
            assert await seen.find(made.secret) == Client(
                "one", "p", frozenset({"m"}), Limits(tokens_per_day=1), Limits(tokens_per_day=2)
            )
            other = await keys.create_key(seen.database, "a", "two")
            assert await seen.find(other.secret) == Client("two")

    run(work)


def test_what_was_read_is_remembered_for_keys_and_for_what_is_none(address: Address) -> None:
    async def work() -> None:
        async with directory(address) as seen:
            made = await keys.create_key(seen.database, "a", "one")
            for _ in range(3):
                assert await seen.find(made.secret) == Client("one")
                assert await seen.find("sk-parley-wrong") is None
            assert len(seen.statements) == 2
            # No coroutine is made of what is known.
            assert seen.directory.find(made.secret) == Client("one")
            assert seen.directory.find("sk-parley-wrong") is None

    run(work)


def test_lookups_at_once_share_one_read_each_and_many_keys_share_a_statement(address: Address) -> None:
    async def work() -> None:
        async with directory(address) as seen:
            made = await keys.create_key(seen.database, "a", "one")
            found = await asyncio.gather(
                *(seen.find(made.secret) for _ in range(100)), *(seen.find(f"wrong-{number}") for number in range(900))
            )
            assert found == [Client("one")] * 100 + [None] * 900
            assert len(seen.statements) <= 4

    run(work)


@pytest.mark.long
def test_a_flood_of_wrong_keys_costs_little_is_bounded_and_displaces_no_right_one(address: Address) -> None:
    async def work() -> None:
        async with directory(address) as seen:
            made = await keys.create_key(seen.database, "a", "one")
            await seen.find(made.secret)
            with little_work(30):
                for begin in range(0, 30_000, 1000):
                    found = await asyncio.gather(*(seen.find(f"w{number}") for number in range(begin, begin + 1000)))
                    assert found == [None] * 1000
            assert seen.directory.find(made.secret) == Client("one")
            assert len(seen.statements) < 200
            held = seen.directory
            assert len(held._known) + len(held._wrong) + len(held._waiting) <= 10_001

    run(work)


def test_a_change_is_seen_after_the_seconds_for_which_it_is_remembered(address: Address) -> None:
    async def work() -> None:
        async with directory(address, seconds=0.05) as seen:
            made = await keys.create_key(seen.database, "a", "one")
            assert await seen.find(made.secret) == Client("one")
            await limits.set_limits(seen.database, "a", "key", "one", {"tokens_per_day": 1})
            await asyncio.sleep(0.1)
            assert await seen.find(made.secret) == Client("one", limits=Limits(tokens_per_day=1))
            await keys.revoke_key(seen.database, "a", "one")
            await asyncio.sleep(0.1)
            assert await seen.find(made.secret) is None

    run(work)


def test_wrong_revoked_expired_and_almost_right_keys_take_the_same_path(address: Address) -> None:
    """One statement each, which gives no row: what the database does does not depend on why."""

    async def work() -> None:
        async with directory(address) as seen:
            revoked, expired, rotated, right = [
                await keys.create_key(seen.database, "a", name) for name in ("revoked", "expired", "rotated", "right")
            ]
            await keys.revoke_key(seen.database, "a", "revoked")
            await keys.rotate_key(seen.database, "a", "rotated")
            async with seen.database.writing() as connection:
                change = tables.keys.update().where(tables.keys.c.name == "expired")
                await connection.execute(change.values(expires_at=int(time.time())))
            almost = right.secret[:-1] + ("a" if right.secret[-1] != "a" else "b")
            tokens = [revoked.secret, expired.secret, rotated.secret, almost, "wrong", right.secret[:-1]]
            for number, token in enumerate(tokens, 1):
                assert await seen.find(token) is None
                assert len(seen.statements) == number
            assert len(set(seen.statements)) == 1
            assert await seen.find(right.secret) == Client("right")

    run(work)


def test_a_remembered_key_ends_when_it_expires_and_a_rotated_secret_when_its_grace_does(
    address: Address, later: Callable[[float], None]
) -> None:
    async def work() -> None:
        async with directory(address) as seen:
            short = await keys.create_key(seen.database, "a", "short", expires_at=int(time.time()) + 1000)
            old = await keys.create_key(seen.database, "a", "turned")
            new = await keys.rotate_key(seen.database, "a", "turned", grace=2000)
            assert await seen.find(short.secret) == Client("short")
            assert await seen.find(old.secret) == await seen.find(new.secret) == Client("turned")
            later(1001)
            assert await seen.find(short.secret) is None
            assert await seen.find(old.secret) == Client("turned")
            later(2001)
            assert await seen.find(old.secret) is None
            assert await seen.find(new.secret) == Client("turned")

    run(work)


@pytest.mark.parametrize("token", ["", "x' OR '1'='1", "'; DROP TABLE keys; --", "a\0b", "\ud800", "%", "x" * 8000])
def test_odd_tokens_are_wrong_keys(token: str, address: Address) -> None:
    async def work() -> None:
        async with directory(address) as seen:
            made = await keys.create_key(seen.database, "a", "one")
            assert await seen.find(token) is None
            assert await seen.find(made.secret) == Client("one")

    run(work)


def test_configured_keys_need_no_read_and_have_the_limits_of_their_short_names(address: Address) -> None:
    async def work() -> None:
        (name,) = KeyRing.of(["sk-configured"]).names
        async with directory(address, seconds=0.2) as seen:
            assert seen.directory.find("sk-configured") == Client(name)
            await limits.set_limits(seen.database, "a", "key", name, {"tokens_per_day": 1})
            await limits.set_limits(seen.database, "a", "project", "default", {"tokens_per_day": 2})
            await limits.set_limits(seen.database, "a", "model", "m", {"tokens_per_day": 3})
            await seen.directory.open()
            limited = Client(name, limits=Limits(tokens_per_day=1), project_limits=Limits(tokens_per_day=2))
            assert seen.directory.find("sk-configured") == limited
            assert seen.directory.find("sk-configured") is seen.directory.find("sk-configured")
            assert seen.directory.model_limits("m") == Limits(tokens_per_day=3)
            assert seen.directory.model_limits("n") is None
            await limits.clear_limits(seen.database, "a", "model", "m")
            await until(lambda: seen.directory.model_limits("m") is None)
            assert seen.statements == []

    run(work)


def test_the_lookup_uses_the_indexes(address: Address) -> None:
    async def work() -> None:
        async with directory(address) as seen:
            made = await keys.create_key(seen.database, "a", "one")
            await seen.find(made.secret)
            if not address.is_sqlite:
                return  # PostgreSQL prefers to scan a table of one row
            async with seen.database.reading() as connection:
                asked = text("EXPLAIN QUERY PLAN " + seen.statements[0].replace("?", "'x'"))
                plan = [str(row[-1]) for row in await connection.execute(asked)]
            assert plan
            assert all(step.startswith("SEARCH") for step in plan), plan

    run(work)


@pytest.mark.live
@pytest.mark.long
def test_while_the_database_is_away_those_who_were_known_go_on_for_a_while(
    postgresql_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    later: Callable[[float], None],
) -> None:
    monkeypatch.setattr(logging.getLogger("parley"), "propagate", True)
    address = address_of(Settings(database=postgresql_server.database()))
    upgrade(address)

    async def work() -> None:
        async with directory(address, seconds=0.1) as seen:
            made = await keys.create_key(seen.database, "a", "one")
            short = await keys.create_key(seen.database, "a", "short", expires_at=int(time.time()) + 1000)
            assert await seen.find(made.secret) == Client("one")
            assert await seen.find(short.secret) == Client("short")
            stopped = (postgresql_server.pid, *postgresql_server.backends())
            for pid in stopped:
                postgresql_server.signal(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(0.2)
                assert await seen.find(made.secret) == Client("one")
                begun = time.monotonic()
                for _ in range(20):
                    assert await seen.find(made.secret) == Client("one")
                assert time.monotonic() - begun < 1.5  # they do not wait for the database each
                assert isinstance(seen.directory.find("sk-configured"), Client)
                with pytest.raises(StoreUnavailable):
                    await seen.find("sk-parley-unknown")
                monkeypatch.setattr(module, "_GRACE", 0.0)
                with pytest.raises(StoreUnavailable):
                    await seen.find(made.secret)
                monkeypatch.setattr(module, "_GRACE", 60.0)
                assert await seen.find(short.secret) == Client("short")
                later(1001)
                with pytest.raises(StoreUnavailable):  # it has expired, which nobody need ask
                    await seen.find(short.secret)
                later(0)
            finally:
                for pid in stopped:
                    postgresql_server.signal(pid, signal.SIGCONT)

            async def is_back() -> bool:
                try:
                    return await seen.find("sk-parley-another") is None
                except StoreUnavailable:
                    return False

            async with asyncio.timeout(60):
                while not await is_back():  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert await seen.find(made.secret) == Client("one")
            assert made.secret not in caplog.text
            assert caplog.text.count("cannot be read from the database") == 1

    run(work)
