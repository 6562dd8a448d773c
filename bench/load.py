"""The clients: as many requests or streams at once as asked for, over kept-alive connections."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from .server import HEADERS, Server

Client = aiohttp.ClientSession

# The events of a stream besides those of its text: role, finish, [DONE].
FRAME = 3

_SECONDS = 120.0


def chat(server: Server, *contents: str, **parameters: Any) -> dict[str, Any]:
    """The body of a request with these messages, user and assistant in turn."""
    roles = ("user", "assistant")
    messages = [{"role": roles[number % 2], "content": content} for number, content in enumerate(contents)]
    return {"model": server.model, "messages": messages, **parameters}


def session(*, keep: bool = True) -> aiohttp.ClientSession:
    """A client session without a limit of connections of its own. ``keep``: they are used again."""
    return aiohttp.ClientSession(
        headers=HEADERS,
        # LiteLLM's proxy closes unused connections after five seconds: they are closed here before.
        connector=aiohttp.TCPConnector(limit=0, **({"keepalive_timeout": 2.0} if keep else {"force_close": True})),
        timeout=aiohttp.ClientTimeout(total=_SECONDS),
        # An answer of a thousand events should cost the client little: it shares the machine with the server.
        read_bufsize=1 << 20,
    )


async def requests(client: aiohttp.ClientSession, server: Server, body: bytes, count: int, concurrency: int) -> None:
    """Send a request ``count`` times, ``concurrency`` at a time.

    Raises:
        RuntimeError: an answer is no 200.
    """
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            async with client.post(server.url, data=body) as response:
                text = await response.read()
                if response.status != 200:
                    raise RuntimeError(f"{server.name} answered {response.status}: {text[:300]!r}")

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())


@dataclass(frozen=True, slots=True)
class StreamResult:
    """One stream as a client saw it; times in seconds since it was asked for."""

    status: int
    events: int
    chunks: int
    done: bool
    first: float
    total: float


async def stream(client: aiohttp.ClientSession, server: Server, body: bytes) -> StreamResult:
    """Read a stream to its end. ``events`` counts those with data, ``[DONE]`` among them, and ``chunks`` those whose
    text ends with "word", as the bench's have it."""
    begin = time.perf_counter()
    events, chunks, first, rest, end = 0, 0, 0.0, b"", b""
    async with client.post(server.url, data=body) as response:
        async for piece in response.content.iter_any():
            first = first or time.perf_counter() - begin
            # A piece may end in the middle of an event.
            complete, separator, rest = (rest + piece).rpartition(b"\n\n")
            events += complete.count(b"data: ")
            chunks += complete.count(b'word"')
            end = complete if separator else end
    done = end.endswith(b"data: [DONE]") and not rest
    return StreamResult(response.status, events, chunks, done, first, time.perf_counter() - begin)


async def drop(client: aiohttp.ClientSession, server: Server, body: bytes) -> None:
    """Open a stream, read its first piece and go without a word."""
    response = await client.post(server.url, data=body)
    await response.content.readany()
    response.close()


async def arrivals(client: aiohttp.ClientSession, server: Server, body: bytes) -> list[float]:
    """Read a stream to its end, and tell when its pieces arrived, by the clock of `time.perf_counter`.

    Raises:
        RuntimeError: it does not end as it should.
    """
    times, last = [], b""
    async with client.post(server.url, data=body) as response:
        async for piece in response.content.iter_any():
            times.append(time.perf_counter())
            last = (last + piece)[-32:]
    if response.status != 200 or not last.rstrip().endswith(b"data: [DONE]"):
        raise RuntimeError(f"{server.name} ended a stream with {response.status} and {last!r}")
    return times


async def ask(client: aiohttp.ClientSession, server: Server, body: bytes) -> tuple[int, float]:
    """Ask once: the status of the answer, and the seconds until it was there as a whole."""
    begin = time.perf_counter()
    async with client.post(server.url, data=body) as response:
        await response.read()
    return response.status, time.perf_counter() - begin


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that so great a ``part`` of all, from 0 to 1, does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(part * len(ordered)) - 1))]
