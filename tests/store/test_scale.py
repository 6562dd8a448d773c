"""Several servers on one database and one Redis are one: keys, limits, records and completions hold for all."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from app.store.address import address_of
from app.store.migrating import upgrade
from tests.live import ROOT, Server, serve
from tests.patience import wait_until

from .load import Seen, send_all
from .servers import PostgreSQL, Redis
from .test_serving import check, records

pytestmark = [pytest.mark.live, pytest.mark.long]


def parley(*arguments: str, **variables: str) -> str:
    """Run a command, and return what it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    command = [sys.executable, "-m", "parley", *arguments]
    run = subprocess.run(command, env={**environ, **variables}, cwd=ROOT, check=True, capture_output=True, text=True)
    return run.stdout.strip()


class Pair:
    """Two servers with two workers each. ``url`` is that of their database."""

    def __init__(self, servers: list[Server], url: str, state: Path) -> None:
        self.servers = servers
        self.url = url
        self.state = state
        self.bases = [server.base for server in servers]

    def parley(self, *arguments: str) -> str:
        return parley(*arguments, PARLEY_DATABASE=self.url, PARLEY_STATE_DIR=str(self.state))


@pytest.fixture
def pair(postgresql_server: PostgreSQL, shared_redis: Redis, tmp_path: Path) -> Iterator[Pair]:
    """Two servers that share a PostgreSQL database and a Redis, and nothing else."""
    url = postgresql_server.database()
    upgrade(address_of(Settings(database=url)))
    env = {"PARLEY_DATABASE": url, "PARLEY_REDIS": shared_redis.url, "PARLEY_KEY_CACHE": "1"}
    with (
        serve("echo", {**env, "PARLEY_ECHO_DELAY": "0.002"}, ["--workers", "2"]) as first,
        serve("echo", {**env, "PARLEY_ECHO_DELAY": "0.002"}, ["--workers", "2"]) as second,
    ):
        yield Pair([first, second], url, tmp_path)


def test_a_key_opens_both_servers_and_is_refused_by_all_workers_soon_after_it_is_revoked(pair: Pair) -> None:
    key = pair.parley("keys", "create", "shared")
    seen = asyncio.run(send_all(pair.bases, key, ["whole"] * 40))
    assert {each.status for each in seen} == {200}
    pair.parley("keys", "revoke", "shared")

    def refused() -> bool:
        return {each.status for each in asyncio.run(send_all(pair.bases, key, ["whole"] * 40))} == {401}

    wait_until(refused, "a revoked key is still accepted")


def test_a_limit_on_requests_holds_for_all_servers_together(pair: Pair) -> None:
    key = pair.parley("keys", "create", "limited", "--limit", "requests_per_minute=30")
    seen = asyncio.run(send_all(pair.bases, key, ["whole", "silent"] * 60, at_once=40, most=50))
    assert Counter(each.status for each in seen) == {200: 30, 429: 90}


def test_a_limit_on_tokens_holds_for_many_streams_at_once(pair: Pair) -> None:
    pair.parley("keys", "create", "first")
    key = pair.parley("keys", "create", "tokens", "--limit", "tokens_per_minute=2000")
    seen = asyncio.run(send_all(pair.bases, key, ["stream", "text"] * 60, at_once=40, most=50))
    used = sum((each.prompt or 0) + (each.completion or 0) for each in seen)
    assert 0 < used <= 2000
    assert 429 in {each.status for each in seen}


def test_what_was_answered_is_recorded_though_a_server_is_killed(pair: Pair) -> None:
    key = pair.parley("keys", "create", "load", "--limit", "requests_per_minute=100000")

    async def work() -> list[Seen]:
        sending = asyncio.create_task(send_all(pair.bases, key, ["whole", "stream", "silent"] * 200))
        await asyncio.sleep(0.7)
        victim = random.choice(pair.servers)
        for pid in (victim.pid, *victim.workers):
            os.kill(pid, signal.SIGKILL)
        return await sending

    seen = asyncio.run(work())
    ended = [each for each in seen if each.ended]
    assert 0 < len(ended) < len(seen)
    found = records(pair.url)
    for each in ended:
        check(each, found[each.id])


def test_a_thousand_records_of_two_workers_on_one_sqlite_file_do_not_deadlock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'parley.sqlite3'}"
    with serve("echo", {"PARLEY_DATABASE": url}, ["--workers", "2"]) as server:
        seen = asyncio.run(send_all(server.base, server.key, ["whole"] * 1000, at_once=32))
        assert Counter(each.status for each in seen) == {200: 1000}
        assert len(records(url)) == 1000
