"""What clients feel when the first of two replicas ends under load: failed requests, the slowest answer, the cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
from statistics import median

from .. import load, servers
from ..process import cpu_seconds
from ..server import Server
from ..table import Table
from ..target import Target

CLIENTS = 8
BEFORE, DURING, AFTER = 1.0, 2.0, 1.0  # seconds

FAILED = "requests that fail when a replica ends"
SLOWEST = "slowest answer when a replica ends"
CPU = "CPU of a request with one of two replicas down, of that with both"

TARGETS = {FAILED: Target(0, "requests"), SLOWEST: Target(1_000, "ms"), CPU: Target(1.1)}


def run(table: Table) -> None:
    """Ask without a pause, and end the first replica meanwhile."""
    with contextlib.ExitStack() as first, servers.upstream() as second:
        dying = first.enter_context(servers.upstream())
        with servers.replicated([dying, second]) as found:
            before, during, after, costs = asyncio.run(_measure(found, first))
    answers = (*before, *during, *after)
    failed = sum(status != 200 for status, _ in answers)
    table.hold("failover", FAILED, failed, TARGETS[FAILED], f"of {len(answers):,}")
    usual = median(seconds for _, seconds in before) * 1e3
    slowest = max(seconds for _, seconds in during) * 1e3
    table.hold("failover", SLOWEST, slowest, TARGETS[SLOWEST], f"the median before is {usual:.1f} ms")
    table.hold("failover", CPU, costs[1] / costs[0], TARGETS[CPU])


Answers = list[tuple[int, float]]


async def _measure(
    found: Server, replica: contextlib.ExitStack
) -> tuple[Answers, Answers, Answers, tuple[float, float]]:
    async with load.session() as client:
        await _asked(client, found, BEFORE)  # warms up
        before, cost_before = await _asked(client, found, BEFORE)
        ending = asyncio.create_task(asyncio.to_thread(replica.close))
        during, _ = await _asked(client, found, DURING)
        await ending
        after, cost_after = await _asked(client, found, AFTER)
    return before, during, after, (cost_before, cost_after)


async def _asked(client: load.Client, found: Server, seconds: float) -> tuple[Answers, float]:
    """The answers to several clients for a while, and the CPU seconds of one."""
    body = json.dumps(load.chat(found, "Hello there!")).encode()
    answers: Answers = []
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    async def one() -> None:
        while loop.time() < end:
            answers.append(await load.ask(client, found, body))

    cpu = cpu_seconds(found.pid)
    await asyncio.gather(*[one() for _ in range(CLIENTS)])
    return answers, (cpu_seconds(found.pid) - cpu) / len(answers)
