"""Limits hold for several processes together, whatever happens to one of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from app.errors import LimitsUnavailable, RateLimited
from app.limits.counts import LEASE, REQUESTS, Claim, Hold
from app.limits.limiter import RateLimiter, Subject, limiter_of
from app.limits.limits import Limits
from app.limits.sqlite_counts import SqliteCounts
from app.settings import Settings
from tests.live import ROOT, free_port
from tests.patience import PATIENCE, wait_until
from tests.store.servers import Redis, redis_server

from .worker import settings_of

pytestmark = [pytest.mark.live, pytest.mark.long]

ONE = [Subject("key", "k", Limits(requests_per_minute=1000))]


@pytest.fixture(params=["sqlite", "redis"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder for a file of counts, or the URL of a Redis without any."""
    if request.param == "sqlite":
        yield str(tmp_path)
    else:
        request.getfixturevalue("shared_redis")  # skips where none is installed
        with redis_server() as server:
            yield server.url


@contextlib.contextmanager
def worker(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of `worker`, which is killed when the block is left."""
    command = [sys.executable, "-m", "tests.limits.worker", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def reserve(limiter: RateLimiter, subjects: list[Subject] = ONE) -> None:
    await limiter.settle(await limiter.reserve(subjects, tokens=1, money=0), tokens=1, money=0)


def test_many_at_once_from_several_processes_pass_as_often_as_a_limit_allows(address: str) -> None:
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(worker(address, "take", "200", "150")) for _ in range(4)]
        begun = time.monotonic()
        passed = [int(said(each)) for each in workers]
        if time.monotonic() - begun > 55:
            pytest.skip("the machine is so slow that the minute is over")
    assert sum(passed) == 150


def test_a_killed_process_gives_its_places_back_and_a_running_one_keeps_them(address: str) -> None:
    two = [Subject("key", "k", Limits(concurrent_requests=2))]

    async def run() -> None:
        limiter = limiter_of(settings_of(address))
        with pytest.raises(RateLimited):
            await limiter.reserve(two, tokens=0, money=0)
        killed.kill()
        begun = time.monotonic()
        made = None
        while made is None:
            assert time.monotonic() < begun + PATIENCE
            with contextlib.suppress(RateLimited):
                made = await limiter.reserve(two, tokens=0, money=0)
            await asyncio.sleep(0.2)
        assert time.monotonic() > begun + LEASE / 2
        # The other one still runs, for longer than a lease.
        with pytest.raises(RateLimited):
            await limiter.reserve(two, tokens=0, money=0)
        await limiter.close()

    with worker(address, "hold") as running, worker(address, "hold") as killed:
        assert [said(running), said(killed)] == ["held", "held"]
        asyncio.run(run())


@contextlib.contextmanager
def late() -> Iterator[list[float]]:
    """How late a timer of the event loop came, in seconds, each time."""
    found: list[float] = []

    async def watch() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            found.append(time.monotonic() - before - 0.01)

    task = asyncio.ensure_future(watch())
    yield found
    task.cancel()


@pytest.mark.parametrize("how", [signal.SIGCONT, signal.SIGKILL])
def test_a_stopped_process_that_has_the_file_makes_limits_unavailable_and_nobody_wait(
    tmp_path: Path, how: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def run() -> None:
        limiter = limiter_of(settings_of(str(tmp_path)))
        await reserve(limiter)
        place = [Subject("key", "p", Limits(concurrent_requests=2))]
        before = [await limiter.reserve(place, tokens=0, money=0) for _ in range(2)]
        with worker(str(tmp_path), "lock") as other:
            assert said(other) == "locked"
            other.send_signal(signal.SIGSTOP)
            with late() as found:
                begun = time.monotonic()
                waiting = asyncio.gather(*(reserve(limiter) for _ in range(50)), return_exceptions=True)
                # A request that ends waits less than one that begins.
                await limiter.settle(before[0], tokens=0, money=0)
                for _ in range(10):
                    await asyncio.sleep(0)
                assert not waiting.done()
                results = await waiting
                assert {type(result) for result in results} == {LimitsUnavailable}
                assert time.monotonic() - begun < PATIENCE / 2
                # Later ones are refused at once, and a request can end.
                begun = time.monotonic()
                with pytest.raises(LimitsUnavailable):
                    await reserve(limiter)
                await limiter.settle(before[1], tokens=0, money=0)
                assert time.monotonic() - begun < 1
            # A blocked loop would be late by the whole time.
            assert sorted(found)[len(found) // 2] < 0.5
            other.kill() if how == signal.SIGKILL else other.send_signal(how)
            if how == signal.SIGCONT:
                other.terminate()
            other.wait()
        await reserve(limiter)
        # What ended meanwhile has been settled.
        for _ in range(2):
            await limiter.reserve(place, tokens=0, money=0)
        await limiter.close()

    asyncio.run(run())
    assert [record.message.partition(" (")[0] for record in caplog.records if record.name == "parley"] == [
        "what limits count cannot be read",
        "what limits count can be read again",
    ]


@pytest.fixture
def own_redis(shared_redis: Redis) -> Iterator[Redis]:
    """A Redis of one's own, which may be stopped."""
    with redis_server() as server:
        yield server


def test_while_redis_is_away_requests_are_refused_and_when_it_is_back_they_are_counted(
    own_redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def run() -> None:
        limiter = limiter_of(Settings(redis=own_redis.url))
        await limiter.start()
        await reserve(limiter)
        running = await limiter.reserve(ONE, tokens=1, money=0)
        await asyncio.to_thread(own_redis.stop)
        for _ in range(3):
            with pytest.raises(LimitsUnavailable):
                await reserve(limiter)
        await limiter.settle(running, tokens=1, money=0)
        await asyncio.to_thread(own_redis.start)
        await passes_again(limiter)
        await limiter.close()

    asyncio.run(run())
    messages = [record.message.partition(" (")[0] for record in caplog.records if record.name == "parley"]
    assert messages == ["what limits count cannot be read", "what limits count can be read again"]


async def is_refused(limiter: RateLimiter, subjects: list[Subject], tokens: int = 1) -> bool:
    try:
        await limiter.settle(await limiter.reserve(subjects, tokens=tokens, money=0), tokens=tokens, money=0)
    except RateLimited:
        return True
    return False


async def passes_again(limiter: RateLimiter) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(LimitsUnavailable):
                await reserve(limiter)
                return
            await asyncio.sleep(0.1)


def test_while_redis_is_away_requests_pass_if_the_setting_says_so(own_redis: Redis) -> None:
    none = [Subject("key", "k", Limits(requests_per_minute=1))]

    async def run() -> None:
        own_redis.stop()
        limiter = limiter_of(Settings(redis=own_redis.url, limits_unavailable="open"))
        await limiter.start()
        for _ in range(3):
            await reserve(limiter, none)
        await asyncio.to_thread(own_redis.start)
        async with asyncio.timeout(PATIENCE):
            # It is counted again.
            while not await is_refused(limiter, none):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await limiter.close()

    asyncio.run(run())


def test_a_redis_that_hangs_makes_nobody_wait_for_long_and_what_it_was_asked_is_taken_back(own_redis: Redis) -> None:
    day = [Subject("key", "d", Limits(tokens_per_day=100, concurrent_requests=5))]

    async def run() -> None:
        limiter = limiter_of(Settings(redis=own_redis.url))
        running = await limiter.reserve(day, tokens=40, money=0)
        assert own_redis.process is not None
        os.kill(own_redis.process.pid, signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(LimitsUnavailable):
            await limiter.reserve(day, tokens=60, money=0)
        await limiter.settle(running, tokens=10, money=0)
        assert time.monotonic() - begun < PATIENCE / 4
        os.kill(own_redis.process.pid, signal.SIGCONT)
        # Of the day 10 tokens are used: 91 do not fit, 90 do.
        async with asyncio.timeout(PATIENCE):
            made = None
            while made is None:
                with contextlib.suppress(LimitsUnavailable, RateLimited):
                    made = await limiter.reserve(day, tokens=90, money=0)
                await asyncio.sleep(0.1)
        with pytest.raises(RateLimited):
            await limiter.reserve(day, tokens=1, money=0)
        await limiter.close()

    asyncio.run(run())


def test_what_a_redis_that_hangs_was_asked_twice_counts_once(own_redis: Redis) -> None:
    day = [Subject("key", "d", Limits(tokens_per_day=100))]

    async def run() -> None:
        limiter = limiter_of(Settings(redis=own_redis.url))
        await limiter.settle(await limiter.reserve(day, tokens=30, money=0), tokens=30, money=0)
        running = await limiter.reserve(day, tokens=40, money=0)
        assert own_redis.process is not None
        os.kill(own_redis.process.pid, signal.SIGSTOP)
        # This is sent, and sent again when nobody has answered.
        await limiter.settle(running, tokens=10, money=0)
        os.kill(own_redis.process.pid, signal.SIGCONT)
        await passes_again(limiter)
        assert await is_refused(limiter, day, 61)
        assert not await is_refused(limiter, day, 60)
        await limiter.close()

    asyncio.run(run())


def test_what_redis_refuses_to_write_is_counted_when_it_writes_again(own_redis: Redis) -> None:
    day = [Subject("key", "d", Limits(tokens_per_day=100))]

    async def run() -> None:
        limiter = limiter_of(Settings(redis=own_redis.url))
        running = await limiter.reserve(day, tokens=40, money=0)
        client = redis.Redis.from_url(own_redis.url)
        client.config_set("min-replicas-to-write", 1)
        await limiter.settle(running, tokens=10, money=0)
        with pytest.raises(LimitsUnavailable):
            await reserve(limiter)
        client.config_set("min-replicas-to-write", 0)
        await passes_again(limiter)
        assert await is_refused(limiter, day, 91)
        assert not await is_refused(limiter, day, 90)
        await limiter.close()

    asyncio.run(run())


def test_a_redis_without_its_scripts_is_given_the_script_again(own_redis: Redis) -> None:
    async def run() -> None:
        limiter = limiter_of(Settings(redis=own_redis.url))
        await reserve(limiter)
        redis.Redis.from_url(own_redis.url).script_flush()
        await reserve(limiter)
        await limiter.close()

    asyncio.run(run())


def test_a_cluster_of_redis_is_followed_to_the_server_that_keeps_the_counts(shared_redis: Redis) -> None:
    async def run() -> None:
        for port in ports:
            limiter = limiter_of(Settings(redis=f"redis://127.0.0.1:{port}"))
            made = await limiter.reserve([Subject("key", "k", Limits(tokens_per_day=100))], tokens=60, money=0)
            with pytest.raises(RateLimited):
                await limiter.reserve([Subject("key", "k", Limits(tokens_per_day=100))], tokens=60, money=0)
            await limiter.settle(made, tokens=0, money=0)
            await limiter.close()

    ports, buses = [free_port(), free_port()], [free_port(), free_port()]
    with contextlib.ExitStack() as stack:
        clients: list[Any] = [stack.enter_context(cluster_part(*each)) for each in zip(ports, buses, strict=True)]
        clients[0].execute_command("CLUSTER ADDSLOTSRANGE", 0, 8191)
        clients[1].execute_command("CLUSTER ADDSLOTSRANGE", 8192, 16383)
        clients[0].execute_command("CLUSTER MEET", "127.0.0.1", ports[1], buses[1])
        wait_until(lambda: all(b"cluster_state:ok" in each.execute_command("CLUSTER INFO") for each in clients))
        asyncio.run(run())


@contextlib.contextmanager
def cluster_part(port: int, bus: int) -> Iterator[redis.Redis]:
    """A server of a cluster, on a port of loopback."""
    with tempfile.TemporaryDirectory() as folder:
        options = [
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--cluster-enabled",
            "yes",
            "--save",
            "",
            "--cluster-port",
        ]
        command = ["redis-server", *options, str(bus)]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        client = redis.Redis(port=port)

        def answers() -> bool:
            with contextlib.suppress(redis.RedisError):
                return bool(client.ping())
            return False

        try:
            wait_until(answers, "Redis does not answer")
            client.set_response_callback("CLUSTER INFO", bytes)
            yield client
        finally:
            client.close()
            process.kill()
            process.wait()


def test_the_log_of_the_file_does_not_grow_without_end(tmp_path: Path) -> None:
    log = tmp_path / "limits.sqlite3-wal"

    async def run() -> None:
        # The clock stands still: what is written for a request grows with the seconds in which there were some.
        limiter = RateLimiter(SqliteCounts(tmp_path / "limits.sqlite3", lambda: 1e9))
        subjects = [Subject("key", str(number), Limits(requests_per_minute=10_000)) for number in range(20)]
        sizes = []
        for _ in range(4):
            for _ in range(1500):
                await reserve(limiter, subjects)
            sizes.append(log.stat().st_size)
            await limiter._counts.upkeep()
        assert sizes[0] > 4 << 20
        assert sizes[3] < 2 * sizes[0]
        await limiter.close()

    asyncio.run(run())


def test_every_key_in_redis_expires(own_redis: Redis) -> None:
    async def run() -> None:
        limiter = limiter_of(Settings(redis=own_redis.url))
        everything = Limits(
            requests_per_minute=9, tokens_per_minute=9, tokens_per_day=9, concurrent_requests=9, money_per_month=9
        )
        for subject in (Subject("key", "a", everything), Subject("model", "m", Limits(requests_per_minute=9))):
            await limiter.reserve([subject], tokens=1, money=1)
        client = redis.Redis.from_url(own_redis.url)
        found = {key.decode(): client.pttl(key) for key in client.scan_iter()}
        assert len(found) == 4
        assert all(left > 0 for left in found.values()), found
        assert found["{parley-limits}:counts:model:m"] <= 122_000
        await limiter.close()

    asyncio.run(run())


def test_rows_that_count_no_more_are_removed(tmp_path: Path) -> None:
    async def run() -> None:
        now = time.time()
        counts = SqliteCounts(tmp_path / "limits.sqlite3", lambda: now)
        for number in range(100):
            await counts.reserve(str(number), [Hold(f"key:{number}", [Claim(REQUESTS, 9, 1)], True, 122)], False)
        now += 200
        await counts.reserve("x", [Hold("key:x", [Claim(REQUESTS, 9, 1)], False, 122)], False)
        await counts.upkeep()
        assert counts._connection is not None
        assert counts._connection.execute("SELECT subject FROM counts").fetchall() == [("key:x",)]
        assert counts._connection.execute("SELECT count(*) FROM leases").fetchone() == (0,)
        await counts.close()

    asyncio.run(run())


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    async def run() -> None:
        limiter = limiter_of(settings_of(str(tmp_path / "state")))
        await reserve(limiter)
        assert (tmp_path / "state" / "limits.sqlite3").stat().st_mode & 0o777 == 0o600
        await limiter.close()

    asyncio.run(run())
