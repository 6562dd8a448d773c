"""What others feel in their streams: the largest gap while requests of 100,000 tokens arrive, and gaps in a crowd."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from .. import load, servers
from ..files import allow_files
from ..server import Server
from ..table import Table
from ..target import Target

ROUNDS = 3
# Some streams with a chunk every 5 ms, and meanwhile large requests one after the other.
STREAMS, CHUNKS, PACE = 20, 200, 5
LARGE, PAUSE = 4, 0.2
# A token is some four characters of text.
MESSAGES, CHARACTERS = 1_000, 400
# A crowd with a chunk every 100 ms.
CROWD, CROWD_CHUNKS, CROWD_PACE = 500, 20, 100

GAP = "largest gap in streams while requests of 100,000 tokens arrive"
P99 = f"99th percentile between chunks, {CROWD} streams with one every {CROWD_PACE} ms"

# The promise is that no request keeps others waiting for longer.
TARGETS = {GAP: Target(50 + PACE, "ms")}


def run(table: Table) -> None:
    """Gaps in milliseconds, medians of rounds that alternate between the servers."""
    allow_files(2 * CROWD + 500)
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(servers.upstream())
        fronts = (servers.relay, servers.relaying, servers.fastapi)
        found = [stack.enter_context(start(upstream)) for start in fronts]
        rows = asyncio.run(_measure(found))
    table.hold("stalls", GAP, rows["parley"][1], TARGETS[GAP], f"{rows['parley'][0]:.0f} ms without them")
    table.add("stalls", P99, f"{rows['parley'][2]:.0f} ms (relay: {rows['relay'][2]:.0f} ms)")
    head = ["Gaps between chunks in ms", "largest, alone", "largest, beside 100,000 tokens"]
    shown = [[name, *(f"{value:.0f}" for value in values)] for name, values in rows.items()]
    table.grid("gaps", [*head, f"{CROWD} streams, 99th percentile"], shown)


async def _measure(found: Sequence[Server]) -> dict[str, tuple[float, float, float]]:
    seen: dict[str, tuple[list[float], list[float], list[float]]] = {server.name: ([], [], []) for server in found}
    async with load.session() as client:
        for _ in range(ROUNDS):
            for server in found:
                alone, beside, crowd = seen[server.name]
                alone.append(max(await _gaps(client, server, STREAMS, PACE, CHUNKS)))
                large = asyncio.create_task(_large(client, server))
                beside.append(max(await _gaps(client, server, STREAMS, PACE, CHUNKS)))
                await large
                crowd.append(load.percentile(await _gaps(client, server, CROWD, CROWD_PACE, CROWD_CHUNKS), 0.99))
    return {
        name: (median(alone) * 1e3, median(beside) * 1e3, median(crowd) * 1e3)
        for name, (alone, beside, crowd) in seen.items()
    }


async def _gaps(client: load.Client, server: Server, streams: int, pace: int, chunks: int) -> list[float]:
    model = f"every-{pace}"
    body = json.dumps(load.chat(server, "Hi", model=model, stream=True, max_tokens=chunks)).encode()
    arrived = await asyncio.gather(*[load.arrivals(client, server, body) for _ in range(streams)])
    return list(_between(arrived))


def _between(arrived: Sequence[Sequence[float]]) -> Iterator[float]:
    for times in arrived:
        for before, after in pairwise(times):
            yield after - before


async def _large(client: load.Client, server: Server) -> None:
    contents = ["Word " * (CHARACTERS // 5)] * MESSAGES
    body = json.dumps(load.chat(server, *contents, model="every-0")).encode()
    for _ in range(LARGE):
        await asyncio.sleep(PAUSE)
        await load.requests(client, server, body, 1, 1)
