"""A worker with limits, as a process of its own: ``python -m tests.limits.worker ADDRESS WHAT``.

``ADDRESS`` is the URL of a Redis, or a folder for the state. ``take N LIMIT`` makes N requests at once, of which a
minute allows LIMIT, and prints how many passed; ``hold NAME`` runs a request without end; ``lock`` locks the file.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from pathlib import Path

from app.errors import RateLimited
from app.limits.limiter import RateLimiter, Subject, limiter_of
from app.limits.limits import Limits
from app.settings import Settings

FOREVER = 600


def settings_of(address: str) -> Settings:
    return Settings(redis=address) if "://" in address else Settings(state_dir=Path(address))


async def take(limiter: RateLimiter, count: int, limit: int) -> None:
    subjects = [
        Subject("key", "k", Limits(requests_per_minute=limit, concurrent_requests=10_000)),
        Subject("model", "m", Limits(tokens_per_minute=10 * limit + 5, tokens_per_month=1_000_000)),
    ]

    async def one() -> bool:
        try:
            made = await limiter.reserve(subjects, tokens=10, money=0)
        except RateLimited:
            return False
        await limiter.settle(made, tokens=10, money=0)
        return True

    print(sum(await asyncio.gather(*(one() for _ in range(count)))), flush=True)


async def hold(limiter: RateLimiter) -> None:
    await limiter.reserve([Subject("key", "k", Limits(concurrent_requests=2))], tokens=0, money=0)
    print("held", flush=True)
    await asyncio.sleep(FOREVER)


async def main(address: str, what: str, *numbers: str) -> None:
    limiter = limiter_of(settings_of(address))
    if what == "take":
        await take(limiter, *map(int, numbers))
    else:
        await hold(limiter)
    await limiter.close()


def lock(address: str) -> None:
    connection = sqlite3.connect(Path(address, "limits.sqlite3"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    print("locked", flush=True)
    time.sleep(FOREVER)


if __name__ == "__main__":
    if sys.argv[2] == "lock":
        lock(sys.argv[1])
    else:
        asyncio.run(main(*sys.argv[1:]))
