"""Counts of each kind, whose clock the tests set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from app.limits.counts import Counts
from app.limits.redis_counts import SCRIPT, RedisCounts
from app.limits.sqlite_counts import SqliteCounts
from tests.store.fixtures import shared_redis
from tests.store.servers import Redis

__all__ = ["shared_redis"]

_CLOCK = "{parley-limits}:clock"
# The script with a clock that tests set.
CLOCKED = SCRIPT.replace("redis.call('TIME')", f"redis.call('LRANGE', '{_CLOCK}', 0, 1)")
assert CLOCKED != SCRIPT


class Clock:
    """The time in seconds since 1970; ``told`` is called with each new one."""

    def __init__(self, told: Callable[[float], None] = lambda now: None) -> None:
        self._now = 0.0
        self._told = told

    def __call__(self) -> float:
        return self._now

    def set(self, now: float) -> None:
        self._now = now
        self._told(now)


class Kind:
    """A kind of counts: ``counts()`` makes new ones of the same file or server, at the time of `clock`."""

    def __init__(self, clock: Clock, counts: Callable[[], Counts]) -> None:
        self.clock = clock
        self.counts = counts


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.live)])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    """Each kind in turn, without any counts."""
    if request.param == "sqlite":
        clock = Clock()
        return Kind(clock, lambda: SqliteCounts(tmp_path / "limits.sqlite3", clock))
    server: Redis = request.getfixturevalue("shared_redis")
    client = redis.Redis.from_url(server.url)
    client.flushall()

    def tell(now: float) -> None:
        client.delete(_CLOCK)
        client.rpush(_CLOCK, int(now), round(now % 1 * 1e6))

    return Kind(Clock(tell), lambda: RedisCounts(server.url, CLOCKED))
