"""What a chunk of a stream costs: a few streams that are paced or arrive in bursts, and a thousand at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from .. import load, servers
from ..compare import Costs, PerChunk, side_by_side
from ..files import allow_files
from ..server import Server
from ..table import Table
from ..target import Target

ROUNDS = 5
STREAMS = 8
PACED_CHUNKS = 200
BURST_CHUNKS = 3_000
MANY, MANY_CHUNKS, MANY_ROUNDS = 1_000, 20, 2

PACED = "relayed chunk, one every 5 ms, of the relay's CPU"
BURST = "relayed chunk, in a burst, of the relay's CPU"
CROWD = f"relayed chunk, {MANY:,} streams, of the relay's CPU"

TARGETS = {
    PACED: Target(1.4, then=1.2),
    BURST: Target(1.8, then=1.3),
    CROWD: Target(1.3, then=1.2),
}


def run(table: Table) -> None:
    """CPU time per chunk, side by side."""
    # A server has two connections for each stream, and inherits what the bench may open.
    allow_files(2 * MANY + 500)
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(servers.upstream())
        fronts: list[servers.Front] = [servers.relay, servers.relay_under_gunicorn, servers.relaying, servers.fastapi]
        found = [stack.enter_context(start(upstream)) for start in fronts]
        slow = [stack.enter_context(start(upstream)) for start in servers.slow_peers()]
        asyncio.run(_measure(table, found, slow))


async def _measure(table: Table, found: Sequence[Server], slow: Sequence[Server]) -> None:
    few, costs = [*found, *slow], {}
    async with load.session() as client:
        costs[PACED] = await side_by_side(few, PerChunk(client, "every-5", PACED_CHUNKS, STREAMS), ROUNDS)
        # As many chunks as the fast ones read in half a second are too many for a slow one.
        burst = await side_by_side(found, PerChunk(client, "every-0", BURST_CHUNKS, STREAMS), ROUNDS)
        more = await side_by_side(slow, PerChunk(client, "every-0", BURST_CHUNKS // 20, STREAMS), ROUNDS)
        costs[BURST] = Costs(burst.rounds | more.rounds)
        crowd = PerChunk(client, "every-250", MANY_CHUNKS, MANY)
        asked = [server for server in found if server.name != "relay under gunicorn"]
        costs[CROWD] = await side_by_side(asked, crowd, MANY_ROUNDS, warm=False)
    for measure, cost in costs.items():
        table.hold("chunks", measure, cost.ratio("parley", "relay"), TARGETS[measure])
    rows = [
        [
            server.name,
            *(f"{cost.of(server.name) * 1e6:,.1f}" if server.name in cost.rounds else "" for cost in costs.values()),
        ]
        for server in few
    ]
    table.grid("chunks", ["CPU in µs per chunk", "one every 5 ms", "in a burst", f"{MANY:,} streams"], rows)
