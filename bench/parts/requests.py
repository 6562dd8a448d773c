"""What a small request costs whose answer needs no thought: Parley, stock Connexion, bare Starlette."""

from __future__ import annotations

import asyncio
import contextlib
import json
from statistics import median

from .. import load, server
from ..process import cpu_seconds
from ..table import Table

ROUNDS = 5
REQUESTS = 2_000
CONCURRENCY = 8
TARGET = 0.40


def run(table: Table) -> None:
    """CPU time per request, medians of rounds that alternate between the servers."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(start()) for start in (server.parley, server.stock, server.bare)]
        costs = asyncio.run(_measure(servers))
    medians = {name: median(values) for name, values in costs.items()}
    for name, values in costs.items():
        spread = f"{medians[name]:5,.0f} us   ({min(values):,.0f} to {max(values):,.0f})"
        table.add("requests", f"CPU per request, {name}", spread)
    # Of each round by itself, since the machine's speed moves between them.
    ratio = median(ours / stocks for ours, stocks in zip(costs["parley"], costs["stock"], strict=True))
    table.add(
        "requests",
        "parley / stock",
        f"{ratio:5.0%}",
        target=f"at most {TARGET:.0%}",
        met=ratio <= TARGET,
    )
    table.add("requests", "parley / bare", f"{medians['parley'] / medians['bare']:5.1f} x")


async def _measure(servers: list[server.Server]) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = {found.name: [] for found in servers}
    async with load.session() as client:
        for number in range(ROUNDS + 1):
            for found in servers:
                body = json.dumps(load.chat(found, "Hello there!")).encode()
                before = cpu_seconds(found.pid)
                await load.requests(client, found, body, REQUESTS, CONCURRENCY)
                if number:  # the first round warms up
                    costs[found.name].append((cpu_seconds(found.pid) - before) / REQUESTS * 1e6)
    return costs
