"""Servers side by side: each is asked in turn, round after round, since the speed of the machine moves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from . import load
from .process import cpu_seconds
from .server import Server

# Measures a server once.
Cost = Callable[[Server], Awaitable[float]]

CONCURRENCY = 16
# Seconds that a server is asked for in a round; slow ones then get fewer requests.
_SLICE = 0.4
_FEWEST, _MOST = 3, 3_000


@dataclass
class Costs:
    """What the rounds gave, by the name of the server."""

    rounds: dict[str, list[float]] = field(default_factory=dict)

    def of(self, name: str) -> float:
        """The median of a server's rounds."""
        return median(self.rounds[name])

    def ratio(self, ours: str, theirs: str) -> float:
        """The median of the ratios of each round by itself."""
        return median(our / their for our, their in zip(self.rounds[ours], self.rounds[theirs], strict=True))


async def side_by_side(servers: Sequence[Server], cost: Cost, rounds: int, *, warm: bool = True) -> Costs:
    """Measure each server ``rounds`` times, after one round that warms them up. Who is first in a round changes."""
    costs = Costs({server.name: [] for server in servers})
    for number in range(0 if warm else 1, rounds + 1):
        for server in servers if number % 2 else reversed(servers):
            value = await cost(server)
            if number:
                costs.rounds[server.name].append(value)
    return costs


class PerRequest:
    """The CPU seconds of a request with these messages, ``concurrency`` at a time.

    The first call finds out how many requests a server answers in a good third of a second, and all others send so
    many.
    """

    def __init__(self, client: load.Client, contents: Sequence[str], concurrency: int = CONCURRENCY) -> None:
        self.client = client
        self.contents = contents
        self.concurrency = concurrency
        self.counts: dict[str, int] = {}

    async def __call__(self, server: Server) -> float:
        body = json.dumps(load.chat(server, *self.contents)).encode()
        count = self.counts.get(server.name)
        if count is None:
            count = self.counts[server.name] = await self._count(server, body)
        before = cpu_seconds(server.pid)
        await load.requests(self.client, server, body, count, self.concurrency)
        return (cpu_seconds(server.pid) - before) / count

    async def _count(self, server: Server, body: bytes) -> int:
        tried, spent = _FEWEST, 0.0
        while spent < _SLICE / 5 and tried < _MOST:
            begin = time.perf_counter()
            await load.requests(self.client, server, body, tried, min(self.concurrency, tried))
            spent = time.perf_counter() - begin
            if spent < _SLICE / 5:
                tried *= 4
        return max(_FEWEST, min(_MOST, int(tried * _SLICE / spent)))


class PerChunk:
    """The CPU seconds of a chunk beyond those of the request, in ``streams`` streams at once of a model of the
    upstream that says how far apart chunks are."""

    def __init__(self, client: load.Client, model: str, chunks: int, streams: int) -> None:
        self.client = client
        self.model = model
        self.chunks = chunks
        self.streams = streams

    async def __call__(self, server: Server) -> float:
        beyond = await self._cpu(server, self.chunks) - await self._cpu(server, 1)
        return beyond / self.streams / (self.chunks - 1)

    async def _cpu(self, server: Server, count: int) -> float:
        body = json.dumps(load.chat(server, "Hi", model=self.model, stream=True, max_tokens=count)).encode()
        before = cpu_seconds(server.pid)
        results = await asyncio.gather(*[load.stream(self.client, server, body) for _ in range(self.streams)])
        whole = sum(result.status == 200 and result.done and result.chunks == count for result in results)
        if whole != self.streams:
            raise RuntimeError(f"{server.name} ended {whole} of {self.streams} streams with {count} chunks")
        return cpu_seconds(server.pid) - before
