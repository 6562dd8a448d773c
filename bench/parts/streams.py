"""A thousand streams at once in one worker: do all end well, and what do they take?"""

from __future__ import annotations

import asyncio
import json
from statistics import median

from .. import load, server, servers
from ..files import allow_files
from ..process import cpu_seconds, rss_mb, threads
from ..table import Table
from ..target import Target

STREAMS = 1_000
WORDS = 20
PAUSE = 0.05
TARGET_MORE_THREADS = 0

MEMORY = f"worker's memory after {STREAMS:,} streams"

TARGETS = {MEMORY: Target(250, "MB")}


def run(table: Table) -> None:
    """Ends, first events, memory, threads and CPU time of many streams."""
    allow_files(2 * STREAMS + 500)  # the server inherits it
    with servers.parley(echo_delay=PAUSE) as found:
        asyncio.run(_measure(table, found))


async def _measure(table: Table, found: server.Server) -> None:
    worker = found.worker
    idle_rss, idle_threads = rss_mb(worker), threads(worker)
    short_cpu, _, _ = await _streams(found, 1)
    cpu, results, most_threads = await _streams(found, WORDS)
    rss = rss_mb(worker)

    events = WORDS + load.FRAME
    whole = sum(r.status == 200 and r.done and r.events == events for r in results)
    table.add(
        "streams", "complete, with [DONE]", f"{whole:,} of {STREAMS:,}", target=f"{STREAMS:,}", met=whole == STREAMS
    )
    table.add("streams", "first event, p50", f"{median(r.first for r in results) * 1e3:6.0f} ms")
    table.add("streams", "first event, last stream", f"{max(r.first for r in results) * 1e3:6.0f} ms")
    ideal = WORDS * PAUSE
    table.add("streams", "whole stream, p50", f"{median(r.total for r in results):6.2f} s", target=f"{ideal:g} s paced")
    table.add("streams", "CPU per event, request included", f"{cpu / STREAMS / events * 1e6:6.0f} us")
    table.add(
        "streams", "CPU per event beyond the request", f"{(cpu - short_cpu) / STREAMS / (WORDS - 1) * 1e6:6.0f} us"
    )
    table.add("streams", "worker's memory before", f"{idle_rss:6.0f} MB")
    table.hold("streams", MEMORY, rss, TARGETS[MEMORY])
    more = most_threads - idle_threads
    table.add(
        "streams",
        "worker's threads before, most while streaming",
        f"{idle_threads}, {most_threads}",
        target="the same",
        met=more <= TARGET_MORE_THREADS,
    )
    await _streams(found, WORDS)
    await _streams(found, WORDS)
    table.add("streams", "worker's memory after 2,000 streams more", f"{rss_mb(worker):6.0f} MB")


async def _streams(found: server.Server, words: int) -> tuple[float, list[load.StreamResult], int]:
    """CPU seconds, what the clients saw, and the most threads that the worker had."""
    body = json.dumps(load.chat(found, " ".join(["word"] * words), stream=True)).encode()
    before = cpu_seconds(found.pid)
    most = 0
    async with load.session() as client:
        tasks = [asyncio.create_task(load.stream(client, found, body)) for _ in range(STREAMS)]
        while (await asyncio.wait(tasks, timeout=0.25))[1]:
            most = max(most, threads(found.worker))
        results = [task.result() for task in tasks]
    return cpu_seconds(found.pid) - before, results, most
