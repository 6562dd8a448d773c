"""Two thousand relayed streams at once in one worker, and what becomes of the upstream's when clients go."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from statistics import median

from .. import load, server, servers
from ..files import allow_files
from ..process import pss_mb, tree_rss_mb
from ..table import Table
from ..target import Target

STREAMS = 2_000
CHUNKS = 10
DROPS = 100
ROUNDS = 2
DROP_ROUNDS = 3

FIRST = f"first event of {STREAMS:,} streams at once, 99th percentile, of the relay's"
MEMORY = f"memory of all processes with {STREAMS:,} streams, shared memory counted for each"
DROPPED = f"{DROPS} dropped streams have ended at the upstream, worst of {DROP_ROUNDS}"

TARGETS = {FIRST: Target(1.2), MEMORY: Target(180, "MB"), DROPPED: Target(1.0, "s")}


@dataclass(frozen=True, slots=True)
class Seen:
    """How many streams ended well, their first events in seconds, and the memory of the tree in megabytes."""

    whole: int
    p50: float
    p99: float
    rss: float
    pss: float


def run(table: Table) -> None:
    """Ends and memory of many streams; how soon dropped ones end at the upstream."""
    # A server has two connections for each, and inherits what the bench may open.
    allow_files(2 * STREAMS + 500)
    seen: dict[str, list[Seen]] = {}
    with servers.upstream() as upstream:
        # Each by itself: two thousand streams of two relays would wait for one another.
        for _ in range(ROUNDS):
            for start in (servers.relay, servers.relaying, servers.fastapi):
                with start(upstream) as found:
                    seen.setdefault(found.name, []).append(asyncio.run(_many(found)))
        with servers.relaying(upstream) as found:
            worst = asyncio.run(_drops(found, upstream))
    whole = min(each.whole for each in seen["parley"])
    table.add("many", "complete, with [DONE]", f"{whole:,} of {STREAMS:,}", target=f"{STREAMS:,}", met=whole == STREAMS)
    ratio = median(our.p99 / their.p99 for our, their in zip(seen["parley"], seen["relay"], strict=True))
    table.hold("many", FIRST, ratio, TARGETS[FIRST])
    table.hold("many", MEMORY, median(each.rss for each in seen["parley"]), TARGETS[MEMORY])
    table.hold("many", DROPPED, worst, TARGETS[DROPPED])
    rows = [
        [
            name,
            f"{min(each.whole for each in rounds):,}",
            *(f"{median(getattr(each, what) for each in rounds):.2f}" for what in ("p50", "p99")),
            *(f"{median(getattr(each, what) for each in rounds):,.0f}" for what in ("rss", "pss")),
        ]
        for name, rounds in seen.items()
    ]
    head = [f"{STREAMS:,} streams", "complete", "first event, median, s", "99th percentile, s"]
    table.grid("many", [*head, "memory, MB", "shared memory once, MB"], rows)


async def _many(found: server.Server) -> Seen:
    body = json.dumps(load.chat(found, "Hi", model="every-500", stream=True, max_tokens=CHUNKS)).encode()
    async with load.session() as client:
        results = await asyncio.gather(
            *[load.stream(client, found, body) for _ in range(STREAMS)], return_exceptions=True
        )
        memory = tree_rss_mb(found.pid), pss_mb(found.pid)
    whole = [r for r in results if isinstance(r, load.StreamResult) and r.done and r.chunks == CHUNKS]
    if not whole:
        raise RuntimeError(f"{found.name} ended none of {STREAMS:,} streams, but {results[0]!r}")
    firsts = [result.first for result in whole]
    return Seen(len(whole), median(firsts), load.percentile(firsts, 0.99), *memory)


async def _drops(found: server.Server, upstream: server.Server) -> float:
    endless = json.dumps(load.chat(found, "Hi", model="every-5", stream=True, max_tokens=100_000)).encode()
    waits = []
    for _ in range(DROP_ROUNDS):
        async with load.session() as observer:
            async with load.session() as client:
                responses = [await client.post(found.url, data=endless) for _ in range(DROPS)]
                for response in responses:
                    await response.content.readany()
                open_before = await _open(observer, upstream)
                begin = time.perf_counter()
                for response in responses:
                    response.close()
            if open_before != DROPS:
                raise RuntimeError(f"the upstream has {open_before} streams instead of {DROPS}")
            while await _open(observer, upstream):
                if time.perf_counter() - begin > 10 * TARGETS[DROPPED].bound:
                    break
                await asyncio.sleep(0.01)
            waits.append(time.perf_counter() - begin)
    return max(waits)


async def _open(client: load.Client, upstream: server.Server) -> int:
    async with client.get(f"http://127.0.0.1:{upstream.port}/open") as response:
        return int(await response.text())
