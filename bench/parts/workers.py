"""What a request costs where two workers share the connections, of what it costs where one has them all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .. import load, servers
from ..compare import PerRequest, side_by_side
from ..server import Server
from ..table import Table
from ..target import Target

ROUNDS = 5

TWO = "CPU of a relayed request with two workers, of that with one"

TARGETS = {TWO: Target(1.1)}


def run(table: Table) -> None:
    """CPU time per request of both, in turn."""
    with (
        servers.upstream() as upstream,
        servers.relaying(upstream) as one,
        servers.relaying(upstream, name="parley, two workers", settings={"WEB_CONCURRENCY": "2"}) as two,
    ):
        ratio = asyncio.run(_measure([one, two]))
    table.hold("workers", TWO, ratio, TARGETS[TWO])


async def _measure(found: Sequence[Server]) -> float:
    async with load.session() as client:
        costs = await side_by_side(found, PerRequest(client, ("Hello there!",)), ROUNDS)
    one, two = found
    return costs.ratio(two.name, one.name)
