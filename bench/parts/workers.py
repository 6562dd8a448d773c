"""What a request costs where two workers share the connections, of what it costs where one has them all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .. import load, servers
from ..compare import Costs, PerRequest, side_by_side
from ..server import Server
from ..table import Table
from ..target import Target

ROUNDS = 5

TWO = "CPU of a relayed request with two workers, of that with one"

TARGETS = {TWO: Target(1.1)}


def run(table: Table) -> None:
    """CPU time per request of both, and of the relay with one and two, in turn."""
    with (
        servers.upstream() as upstream,
        servers.relaying(upstream) as one,
        servers.relaying(upstream, name="parley, two workers", settings={"WEB_CONCURRENCY": "2"}) as two,
        servers.relay(upstream) as relay,
        servers.relay(upstream, name="relay, two workers", workers=2) as relays,
    ):
        costs = asyncio.run(_measure([one, two, relay, relays]))
    theirs = costs.ratio(relays.name, relay.name)
    table.hold("workers", TWO, costs.ratio(two.name, one.name), TARGETS[TWO], f"relay: {theirs:.2f} x")


async def _measure(found: Sequence[Server]) -> Costs:
    async with load.session() as client:
        return await side_by_side(found, PerRequest(client, ("Hello there!",)), ROUNDS)
