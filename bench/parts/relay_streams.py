"""Two thousand relayed streams at once in one worker, and what becomes of the upstream's when clients go."""

from __future__ import annotations

import asyncio
import json
import time
from statistics import median

from .. import load, server
from ..files import allow_files
from ..process import rss_mb
from ..table import Table

STREAMS = 2_000
CHUNKS = 20
TARGET_RSS_MB = 200
DROPS = 100
ROUNDS = 3
TARGET_DROP_SECONDS = 1.0


def run(table: Table) -> None:
    """Ends and memory of many streams; how soon dropped ones end at the upstream."""
    # A server has two connections for each, and inherits what the bench may open.
    allow_files(2 * STREAMS + 500)
    with server.upstream() as upstream:
        # Each by itself: two thousand streams of two relays would wait for one another.
        for start in (server.relay, server.relaying):
            with start(upstream) as found:
                asyncio.run(_many(table, found))
        with server.relaying(upstream) as found:
            asyncio.run(_drops(table, found, upstream))


async def _many(table: Table, found: server.Server) -> None:
    body = json.dumps(load.chat(found, "Hi", model="every-500", stream=True, max_tokens=CHUNKS)).encode()
    before = rss_mb(found.worker)
    async with load.session() as client:
        results = await asyncio.gather(
            *[load.stream(client, found, body) for _ in range(STREAMS)], return_exceptions=True
        )
    whole = [
        result
        for result in results
        if isinstance(result, load.StreamResult) and result.done and result.events == CHUNKS + load.FRAME
    ]
    ours = found.name == "parley"
    rss = rss_mb(found.worker)
    table.add(
        "relay_streams",
        f"complete, with [DONE], {found.name}",
        f"{len(whole):,} of {STREAMS:,}",
        target=f"{STREAMS:,}" if ours else "",
        met=len(whole) == STREAMS if ours else None,
    )
    if whole:
        table.add("relay_streams", f"first event, p50, {found.name}", f"{median(r.first for r in whole):6.2f} s")
    table.add(
        "relay_streams",
        f"worker's memory before, after, {found.name}",
        f"{before:.0f}, {rss:.0f} MB",
        target=f"under {TARGET_RSS_MB} MB" if ours else "",
        met=rss < TARGET_RSS_MB if ours else None,
    )


async def _drops(table: Table, found: server.Server, upstream: server.Server) -> None:
    endless = json.dumps(load.chat(found, "Hi", model="every-5", stream=True, max_tokens=100_000)).encode()
    waits = []
    for _ in range(ROUNDS):
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
                if time.perf_counter() - begin > 10 * TARGET_DROP_SECONDS:
                    break
                await asyncio.sleep(0.01)
            waits.append(time.perf_counter() - begin)
    worst = max(waits)
    table.add(
        "relay_streams",
        f"{DROPS} dropped streams have ended at the upstream, worst of {ROUNDS}",
        f"{worst:6.2f} s",
        target=f"under {TARGET_DROP_SECONDS:g} s",
        met=worst < TARGET_DROP_SECONDS,
    )


async def _open(client: load.Client, upstream: server.Server) -> int:
    async with client.get(f"http://127.0.0.1:{upstream.port}/open") as response:
        return int(await response.text())
