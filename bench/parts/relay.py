"""What relaying costs: Parley in front of an upstream that answers at once, against the bare relay before the same one.

The bare relay looks at nothing. Of a long request it is the one that reads and writes the JSON that counts, for a relay
that knows models by other names has to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from statistics import median

from .. import load, server
from ..process import cpu_seconds
from ..table import Table

ROUNDS = 5
REQUESTS = 1_500
LITELLM_REQUESTS = 150
CONCURRENCY = 8
LONG = 1_000  # messages
LONG_REQUESTS = 100
STREAMS = 8
PACED_CHUNKS = 400
BURST_CHUNKS = 3_000
FIRSTS = 100

TARGET_REQUEST = 2.5
TARGET_LONG = 2.0
TARGET_CHUNK = 1.6
TARGET_FIRST_MS = 2.0
TARGET_LITELLM = 15.0

Cost = Callable[[server.Server], Awaitable[float]]


def run(table: Table) -> None:
    """CPU time per request and per chunk, and how much later the first event is."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(server.upstream())
        ours, bare = (stack.enter_context(start(upstream)) for start in (server.relaying, server.relay))
        asyncio.run(_measure(table, ours, bare))
        if shutil.which("litellm"):
            asyncio.run(_against_litellm(table, ours, stack.enter_context(server.litellm(upstream))))


async def _measure(table: Table, ours: server.Server, bare: server.Server) -> None:
    async with load.session() as client:

        async def small(found: server.Server) -> float:
            return await _per_request(client, found, ("Hello there!",), REQUESTS)

        async def long(found: server.Server) -> float:
            return await _per_request(client, found, (_MESSAGE,) * LONG, LONG_REQUESTS)

        async def paced(found: server.Server) -> float:
            return await _per_chunk(client, found, "every-5", PACED_CHUNKS)

        async def burst(found: server.Server) -> float:
            return await _per_chunk(client, found, "every-0", BURST_CHUNKS)

        await _compare(table, "CPU per small request", small, ours, bare, TARGET_REQUEST)
        await _compare(
            table, f"CPU per request, {LONG:,} messages", long, ours, replace(bare, base="/json"), TARGET_LONG
        )
        await _compare(table, f"CPU per request, {LONG:,} messages, JSON unread", long, ours, bare)
        await _compare(table, "CPU per chunk, one every 5 ms", paced, ours, bare, TARGET_CHUNK)
        await _compare(table, "CPU per chunk, in bursts", burst, ours, bare)
        await _first_events(table, client, ours, bare)


# As long as what people and models write in turn.
_MESSAGE = "A message of a conversation that has been going on for a while, with some hundred characters to it. " * 2


async def _compare(
    table: Table, what: str, cost: Cost, ours: server.Server, bare: server.Server, target: float | None = None
) -> None:
    """A line for the ratio: the median of those of each round by itself, since the machine's speed moves."""
    rounds = [(await cost(ours), await cost(bare)) for _ in range(ROUNDS + 1)][1:]  # the first one warms up
    ratio = median(our / their for our, their in rounds)
    mine, yardstick = (median(values) * 1e6 for values in zip(*rounds, strict=True))
    table.add(
        "relay",
        f"{what}, parley / bare relay",
        f"{ratio:5.2f} x   ({mine:,.0f} / {yardstick:,.0f} us)",
        target="" if target is None else f"at most {target:g} x",
        met=None if target is None else ratio <= target,
    )


async def _per_request(client: load.Client, found: server.Server, contents: tuple[str, ...], count: int) -> float:
    """CPU seconds of one relayed request."""
    body = json.dumps(load.chat(found, *contents)).encode()
    before = cpu_seconds(found.pid)
    await load.requests(client, found, body, count, CONCURRENCY)
    return (cpu_seconds(found.pid) - before) / count


async def _per_chunk(client: load.Client, found: server.Server, model: str, chunks: int) -> float:
    """CPU seconds of one chunk beyond those of the request."""

    async def streams(count: int) -> float:
        body = json.dumps(load.chat(found, "Hi", model=model, stream=True, max_tokens=count)).encode()
        before = cpu_seconds(found.pid)
        results = await asyncio.gather(*[load.stream(client, found, body) for _ in range(STREAMS)])
        events = count + load.FRAME
        if not all(result.status == 200 and result.done and result.events == events for result in results):
            raise RuntimeError(f"{found.name} did not relay {events} events but {[r.events for r in results]}")
        return cpu_seconds(found.pid) - before

    return (await streams(chunks) - await streams(1)) / STREAMS / (chunks - 1)


async def _first_events(table: Table, client: load.Client, ours: server.Server, bare: server.Server) -> None:
    firsts: dict[str, list[float]] = {ours.name: [], bare.name: []}
    for number in range(FIRSTS + 10):
        for found in (ours, bare):
            body = json.dumps(load.chat(found, "Hi", model="every-5", stream=True, max_tokens=1)).encode()
            result = await load.stream(client, found, body)
            if number >= 10:
                firsts[found.name].append(result.first * 1e3)
    mine, yardstick = median(firsts[ours.name]), median(firsts[bare.name])
    table.add(
        "relay",
        "first event, later than the bare relay's",
        f"{mine - yardstick:5.2f} ms  ({mine:.2f} / {yardstick:.2f} ms)",
        target=f"at most {TARGET_FIRST_MS:g} ms",
        met=mine - yardstick <= TARGET_FIRST_MS,
    )


async def _against_litellm(table: Table, ours: server.Server, litellm: server.Server) -> None:
    async with load.session() as client:
        rounds = [
            (
                await _per_request(client, ours, ("Hello there!",), REQUESTS),
                await _per_request(client, litellm, ("Hello there!",), LITELLM_REQUESTS),
            )
            for _ in range(4)
        ][1:]
    ratio = median(their / our for our, their in rounds)
    table.add(
        "relay",
        "requests per CPU second, parley / litellm",
        f"{ratio:5.1f} x",
        target=f"at least {TARGET_LITELLM:g} x",
        met=ratio >= TARGET_LITELLM,
    )
