"""The time from the command to the first answer with 200, and the memory of a server that has answered for a while."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from statistics import median

from .. import load, servers
from ..process import pss_mb, tree_rss_mb
from ..server import Server
from ..servers import Started
from ..table import Table
from ..target import Target

RUNS = 3
REQUESTS = 2_000

RELAYING = "first relayed answer"
ECHO = "first answer, echo"
LLAMA = "first answer, the bundled model"
MEMORY = f"memory of a relaying worker with its master after {REQUESTS:,} requests"

TARGETS = {
    RELAYING: Target(1.5, "s"),
    ECHO: Target(3.0, "s"),
    LLAMA: Target(3.0, "s"),
    MEMORY: Target(65, "MB"),
}


def run(table: Table) -> None:
    """Start and stop each; a first start, which compiles what is not compiled, is left out."""
    starts: dict[str, list[float]] = {}
    memories: dict[str, tuple[float, float]] = {}
    with servers.upstream() as upstream:
        kinds: list[Callable[[], Started]] = [
            *(_before(start, upstream) for start in (servers.relay, servers.relaying, servers.fastapi, servers.stock)),
            servers.parley,
            lambda: servers.parley(engine="llama"),
        ]
        kinds += [_before(start, upstream) for start in servers.slow_peers()]
        for number in range(RUNS + 1):
            for start in kinds:
                with start() as found:
                    if number:
                        starts.setdefault(found.name, []).append(found.started_in)
                    if number == RUNS and found.model != "parley-tiny":
                        asyncio.run(_used(found))
                        memories[found.name] = pss_mb(found.pid), tree_rss_mb(found.pid)
    spent = {name: median(times) for name, times in starts.items()}
    table.hold("start", RELAYING, spent["parley"], TARGETS[RELAYING])
    table.hold("start", ECHO, spent["parley, echo"], TARGETS[ECHO])
    table.hold("start", LLAMA, spent["parley, llama"], TARGETS[LLAMA])
    table.hold("start", MEMORY, memories["parley"][0], TARGETS[MEMORY])
    rows = [
        [name, f"{seconds:.2f}", *(f"{memory:,.0f}" for memory in memories.get(name, ()))]
        for name, seconds in spent.items()
    ]
    head = ["Start", "first answer, s", f"memory after {REQUESTS:,} requests, MB", "shared memory counted for each, MB"]
    table.grid("start", head, [[*row, *[""] * (len(head) - len(row))] for row in rows])


def _before(start: Callable[[Server], Started], upstream: Server) -> Callable[[], Started]:
    return lambda: start(upstream)


async def _used(found: Server) -> None:
    body = json.dumps(load.chat(found, "Hello there!")).encode()
    async with load.session() as client:
        with contextlib.suppress(TimeoutError):
            # A slow one has answered enough by then.
            async with asyncio.timeout(30):
                await load.requests(client, found, body, REQUESTS, 16)
