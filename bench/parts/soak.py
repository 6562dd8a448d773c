"""Minutes of mixed requests, good and bad, whole and streamed, some of whose clients leave: memory must not grow."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from statistics import median

import aiohttp

from .. import load, servers
from ..process import cpu_seconds, pss_mb
from ..server import Server
from ..table import Table
from ..target import Target

MINUTES = 10.0
CLIENTS = 8
PAUSE = 0.02  # seconds, on average, between a client's requests
# The share of the time after which memory is first looked at, and over which it is averaged at both ends.
WARM, END = 0.2, 0.1

GROWTH = "memory at the end of the soak, of that when it was warm"
FAILED = "requests of the soak that were answered otherwise than they should be"

TARGETS = {GROWTH: Target(1.05), FAILED: Target(0, "requests")}

Kind = Callable[[load.Client, Server], Awaitable[bool]]


def run(table: Table) -> None:
    """Ask for `MINUTES`, and look at the memory of all processes meanwhile."""
    with servers.upstream() as upstream, servers.relaying(upstream) as found:
        memories, counts, cpu = asyncio.run(_soak(found, MINUTES * 60))
    total = sum(counts.values())
    warm, rest = memories[int(len(memories) * WARM) :], max(1, int(len(memories) * END))
    before, after = median(warm[:rest]), median(warm[-rest:])
    told = f"{before:.1f} to {after:.1f} MB in {MINUTES:g} minutes"
    table.hold("soak", GROWTH, after / before, TARGETS[GROWTH], told)
    table.hold("soak", FAILED, counts[False], TARGETS[FAILED], f"of {total:,}, with {cpu / total * 1e6:,.0f} µs each")


async def _soak(found: Server, seconds: float) -> tuple[list[float], Counter[bool], float]:
    counts: Counter[bool] = Counter()
    memories: list[float] = []
    begin, cpu = time.monotonic(), cpu_seconds(found.pid)

    async def one(client: load.Client) -> None:
        while time.monotonic() - begin < seconds:
            kind = random.choice(_KINDS)
            try:
                counts[await kind(client, found)] += 1
            except aiohttp.ClientError as error:
                print(f"  soak: {kind.__name__}: {type(error).__name__}", flush=True)
                counts[False] += 1
            await asyncio.sleep(random.random() * 2 * PAUSE)

    async def look() -> None:
        while time.monotonic() - begin < seconds:
            memories.append(pss_mb(found.pid))
            await asyncio.sleep(min(2.0, seconds / 50))

    async with load.session() as client:
        await asyncio.gather(look(), *[one(client) for _ in range(CLIENTS)])
    return memories, counts, cpu_seconds(found.pid) - cpu


async def _small(client: load.Client, found: Server) -> bool:
    return await _status(client, found, load.chat(found, "Hello there!")) == 200


async def _long(client: load.Client, found: Server) -> bool:
    sizes = random.randint(2, 200)
    return await _status(client, found, load.chat(found, *["A message of a conversation. " * 8] * sizes)) == 200


async def _streamed(client: load.Client, found: Server) -> bool:
    count = random.randint(1, 400)
    body = load.chat(found, "Hi", model="every-0", stream=True, max_tokens=count)
    result = await load.stream(client, found, json.dumps(body).encode())
    return result.done and result.chunks == count


async def _dropped(client: load.Client, found: Server) -> bool:
    body = load.chat(found, "Hi", model="every-5", stream=True, max_tokens=10_000)
    await load.drop(client, found, json.dumps(body).encode())
    return True


async def _invalid(client: load.Client, found: Server) -> bool:
    return await _status(client, found, load.chat(found, "Hi", temperature=random.random() + 3)) == 400


async def _unknown_key(client: load.Client, found: Server) -> bool:
    headers = {"Authorization": f"Bearer sk-{random.random()}"}
    async with client.post(found.url, json=load.chat(found, "Hi"), headers=headers) as response:
        await response.read()
        return response.status == 401


_KINDS: tuple[Kind, ...] = (_small, _small, _long, _streamed, _streamed, _dropped, _invalid, _unknown_key)


async def _status(client: load.Client, found: Server, body: object) -> int:
    return (await load.ask(client, found, json.dumps(body).encode()))[0]
