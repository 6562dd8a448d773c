"""How much later an answer is there than from the upstream itself, and its first event: one client, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from statistics import median

from .. import load, servers
from ..server import Server
from ..table import Table
from ..target import Target

ROUNDS = 300
WARM = 20

WHOLE = "added latency of a whole answer, of the relay's"
FIRST = "added latency of the first event, of the relay's"

TARGETS = {WHOLE: Target(1.5), FIRST: Target(1.4)}


def run(table: Table) -> None:
    """Medians of requests to each server in turn."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(servers.upstream())
        fronts: list[servers.Front] = [servers.relay, servers.relay_under_gunicorn, servers.relaying]
        found = [stack.enter_context(start(upstream)) for start in [*fronts, *servers.slow_peers()]]
        wholes, firsts = asyncio.run(_measure([upstream, *found]))
    added = [
        {server.name: (times[server.name] - times[upstream.name]) * 1e3 for server in found}
        for times in (wholes, firsts)
    ]
    for measure, times in zip((WHOLE, FIRST), added, strict=True):
        told = f"{times['parley']:.2f} of {times['relay']:.2f} ms"
        table.hold("latency", measure, times["parley"] / times["relay"], TARGETS[measure], told)
    rows = [[server.name, *(f"{times[server.name]:.2f}" for times in added)] for server in found]
    table.grid("latency", ["Added latency in ms", "whole answer", "first event"], rows)


async def _measure(found: Sequence[Server]) -> tuple[dict[str, float], dict[str, float]]:
    wholes: dict[str, list[float]] = {server.name: [] for server in found}
    firsts: dict[str, list[float]] = {server.name: [] for server in found}
    async with load.session() as client:
        for number in range(ROUNDS + WARM):
            for server in found:
                plain = json.dumps(load.chat(server, "Hi", model="every-5")).encode()
                stream = json.dumps(load.chat(server, "Hi", model="every-5", stream=True, max_tokens=1)).encode()
                status, whole = await load.ask(client, server, plain)
                first = await load.stream(client, server, stream)
                if status != 200 or not first.done:
                    raise RuntimeError(f"{server.name} answered {status}, and a stream with {first}")
                if number >= WARM:
                    wholes[server.name].append(whole)
                    firsts[server.name].append(first.first)
    return (
        {name: median(times) for name, times in wholes.items()},
        {name: median(times) for name, times in firsts.items()},
    )
