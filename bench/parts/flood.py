"""What a flood of wrong keys does to others: their latency with it and without, in turn."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from statistics import median

from .. import load, servers
from ..server import ROOT, Server
from ..table import Table
from ..target import Target

ROUNDS = 4
SECONDS = 1.0
CLIENTS = 2
PAUSE = 0.005  # between a client's requests: they are no flood themselves
RATE = 500  # wrong keys a second

SLOWER = f"median answer to others beside {RATE} wrong keys a second, of that without"

TARGETS = {SLOWER: Target(2.0)}


def run(table: Table) -> None:
    """Medians and 99th percentiles of what others see."""
    seen: dict[str, tuple[list[float], list[float]]] = {}
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(servers.upstream())
        found = [stack.enter_context(start(upstream)) for start in (servers.relaying, servers.fastapi)]
        for number in range(ROUNDS + 1):
            for server in found:
                alone = asyncio.run(_latencies(server))
                with flooding(server):
                    beside = asyncio.run(_latencies(server))
                if number:  # the first one warms up
                    quiet, busy = seen.setdefault(server.name, ([], []))
                    quiet += alone
                    busy += beside
    quiet, busy = seen["parley"]
    table.hold("flood", SLOWER, median(busy) / median(quiet), TARGETS[SLOWER])
    rows = [[name, *_told(quiet), *_told(busy)] for name, (quiet, busy) in seen.items()]
    head = ["Answers to others, ms", "alone: median", "99th percentile"]
    table.grid("flood", [*head, f"beside {RATE} wrong keys a second: median", "99th percentile"], rows)


def _told(seconds: Sequence[float]) -> tuple[str, str]:
    return f"{median(seconds) * 1e3:.2f}", f"{load.percentile(seconds, 0.99) * 1e3:.2f}"


@contextlib.contextmanager
def flooding(server: Server) -> Iterator[None]:
    """A flood before a server for as long as the context lasts.

    Raises:
        RuntimeError: it ended before.
    """
    command = [sys.executable, "-m", "bench.flood", server.url, server.model, str(RATE)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as sender:
        try:
            assert sender.stdout is not None
            sender.stdout.readline()
            yield
            if sender.poll() is not None:
                raise RuntimeError(f"the flood before {server.name} ended with {sender.returncode}")
        finally:
            sender.terminate()


async def _latencies(server: Server) -> list[float]:
    body = json.dumps(load.chat(server, "Hello there!")).encode()
    loop = asyncio.get_running_loop()
    end, times = loop.time() + SECONDS, []

    async def one(client: load.Client) -> None:
        while loop.time() < end:
            status, seconds = await load.ask(client, server, body)
            if status != 200:
                raise RuntimeError(f"{server.name} answered {status}")
            times.append(seconds)
            await asyncio.sleep(PAUSE)

    async with load.session() as client:
        await asyncio.gather(*[one(client) for _ in range(CLIENTS)])
    return times
