"""Clients that go in the middle of a stream: what they leave behind, and whether the next one is answered."""

from __future__ import annotations

import asyncio
import json
import time

from .. import load, server, servers
from ..process import cpu_seconds, rss_mb, threads
from ..table import Table
from ..target import Target

STREAMS = 100
ROUNDS = 3
PAUSE = 0.01
WORDS = 2_000

NEXT = f"a plain request after {STREAMS} drops, worst of {ROUNDS}"
IDLE = "CPU in a second, half a second after"

# What an idle worker takes in a second, with room for a clock that ticks a hundred times a second.
TARGETS = {NEXT: Target(250, "ms"), IDLE: Target(50, "ms")}


def run(table: Table) -> None:
    """Drop streams that would run for 20 seconds, then ask one plain question."""
    with servers.parley(echo_delay=PAUSE) as found:
        asyncio.run(_measure(table, found))


async def _measure(table: Table, found: server.Server) -> None:
    endless = json.dumps(load.chat(found, "word " * WORDS, stream=True)).encode()
    plain = json.dumps(load.chat(found, "Hi")).encode()
    worker = found.worker
    threads_before, rss_before = threads(worker), rss_mb(worker)
    waits = []
    for _ in range(ROUNDS):
        async with load.session() as client:
            await asyncio.gather(*[load.drop(client, found, endless) for _ in range(STREAMS)])
        async with load.session() as client:
            begin = time.perf_counter()
            await load.requests(client, found, plain, 1, 1)
            waits.append((time.perf_counter() - begin) * 1e3)
    # gunicorn gives what a client left behind three seconds to end by itself; ours must need far less.
    await asyncio.sleep(0.5)
    before = cpu_seconds(found.pid)
    await asyncio.sleep(1)
    idle = (cpu_seconds(found.pid) - before) * 1e3
    table.hold("drops", NEXT, max(waits), TARGETS[NEXT])
    table.hold("drops", IDLE, idle, TARGETS[IDLE])
    after = threads(worker)
    table.add(
        "drops",
        "worker's threads before, after",
        f"{threads_before}, {after}",
        target="the same",
        met=after <= threads_before,
    )
    table.add("drops", "worker's memory before, after", f"{rss_before:.0f}, {rss_mb(worker):.0f} MB")
