"""Real servers with a database: what clients saw is what is recorded."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from app.settings import Settings
from app.store.address import address_of
from app.store.migrating import upgrade
from tests.live import Server, serve
from tests.patience import wait_until

from .load import Seen, send_all

pytestmark = [pytest.mark.live, pytest.mark.long]


@pytest.fixture
def server(url: str) -> Iterator[Server]:
    """A server with two workers on that database."""
    with serve("echo", {"PARLEY_DATABASE": url, "PARLEY_ECHO_DELAY": "0.002"}, ["--workers", "2"]) as found:
        yield found


def records(url: str) -> dict[str, dict[str, Any]]:
    """The records of usage, by the ids of their requests."""
    address = address_of(Settings(database=url))
    driver = "sqlite+pysqlite" if address.is_sqlite else "postgresql+psycopg"
    engine = create_engine(address.url.set(drivername=driver))
    with engine.connect() as connection:
        rows = connection.execute(text('SELECT * FROM "usage"')).mappings().all()
    engine.dispose()
    return {row["request_id"]: dict(row) for row in rows}


def check(seen: Seen, recorded: Mapping[str, Any]) -> None:
    """A record says what the client saw."""
    assert recorded["status"] == seen.status, seen
    assert bool(recorded["left"]) == (not seen.ended), seen
    if seen.kind == "leaves":
        # The server may have made more than the client read.
        assert recorded["completion_tokens"] >= seen.pieces, seen
        assert recorded["estimated"]
    elif seen.kind == "silent":
        assert recorded["completion_tokens"] == seen.pieces, seen
    elif seen.completion is not None:
        assert (recorded["prompt_tokens"], recorded["completion_tokens"]) == (seen.prompt, seen.completion), seen
    else:
        assert (recorded["prompt_tokens"], recorded["completion_tokens"]) == (0, 0), seen


def test_sums_of_usage_equal_what_a_thousand_clients_saw(server: Server, url: str) -> None:
    rest = ["whole", "several", "stream", "silent", "text", "response", "refused", "invalid", "unknown"]
    kinds = ["leaves"] * 100 + rest * 100
    random.Random(7).shuffle(kinds)
    seen = asyncio.run(send_all(server.base, server.key, kinds))
    assert len(seen) == 1000
    # Those of clients that have left are written a moment later.
    wait_until(lambda: len(records(url)) == 1000, lambda: f"there are {len(records(url))} records")
    found = records(url)
    for each in seen:
        check(each, found[each.id])
    told = [each for each in seen if each.completion is not None]
    counted = [found[each.id] for each in told]
    assert sum(row["completion_tokens"] for row in counted) == sum(each.completion or 0 for each in told)
    assert {row["model"] for row in found.values()} == {"parley-echo", None}
    assert {row["asked"] for row in found.values()} >= {"parley-echo", "no-such"}
    streams = [row for row in found.values() if row["stream"] and row["status"] == 200]
    assert all(0 <= row["first_ms"] <= row["total_ms"] for row in streams)


def test_what_was_answered_is_recorded_though_workers_are_killed(server: Server, url: str) -> None:
    kinds = ["whole", "stream", "silent"] * 200

    async def work() -> list[Seen]:
        sending = asyncio.create_task(send_all(server.base, server.key, kinds))
        for _ in range(4):
            await asyncio.sleep(0.4)
            workers = await asyncio.to_thread(lambda: server.workers)
            os.kill(random.choice(workers), signal.SIGKILL)
        return await sending

    seen = asyncio.run(work())
    ended = [each for each in seen if each.ended]
    assert 0 < len(ended) <= len(seen)
    found = records(url)
    assert [each for each in ended if each.id not in found] == []
    for each in ended:
        check(each, found[each.id])


def test_chat_goes_on_while_the_database_is_away_and_is_recorded_when_it_is_back(
    postgresql_server: Any,
) -> None:
    url = postgresql_server.database()
    upgrade(address_of(Settings(database=url)))
    with serve("echo", {"PARLEY_DATABASE": url}, ["--workers", "1"]) as server:
        before = asyncio.run(send_all(server.base, server.key, ["whole"] * 3))
        postgresql_server.signal(postgresql_server.pid, signal.SIGSTOP)
        for pid in postgresql_server.backends():
            postgresql_server.signal(pid, signal.SIGSTOP)
        try:
            during = asyncio.run(send_all(server.base, server.key, ["stream"] * 20, at_once=4))
        finally:
            for pid in (*postgresql_server.backends(), postgresql_server.pid):
                postgresql_server.signal(pid, signal.SIGCONT)
        assert [each.status for each in (*before, *during)] == [200] * 23
        wait_until(lambda: len(records(url)) == 23, lambda: f"there are {len(records(url))} records")


def test_a_server_without_a_database_imports_nothing_of_one(tmp_path: Path) -> None:
    with serve("echo", {"PARLEY_STATE_DIR": str(tmp_path)}) as server:
        assert server.request("GET", "/v1/models", headers=server.bearer).status == 200
        for pid in (server.pid, *server.workers):
            mapped = Path(f"/proc/{pid}/maps").read_text()
            for name in ("sqlalchemy", "psycopg", "greenlet", "_sqlite3", "redis"):
                assert name not in mapped, name
    assert list(tmp_path.iterdir()) == []
