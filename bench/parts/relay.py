"""What a request costs: Parley before an upstream that answers at once, and alone, against others, all in one run.

The yardstick is the bare relay, which looks at nothing. Of a long request it is the one that reads and writes the JSON
that counts, for a relay that knows models by other names has to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .. import drawing, load, servers
from ..compare import CONCURRENCY, Costs, PerRequest, side_by_side
from ..server import Server
from ..table import Table
from ..target import Target

ROUNDS = 5
FEWER_ROUNDS = 3
LENGTHS = (30, 300, 1_000)  # messages
ANEW = "relay that reads JSON"

SMALL = f"small relayed request, {CONCURRENCY} at once, of the relay's CPU"
ECHO = f"echo request, {CONCURRENCY} at once, of the relay's CPU"
LONG = {count: f"relayed request of {count:,} messages, of the CPU of a relay that reads JSON" for count in LENGTHS}
STOCK = "echo request, of stock Connexion's CPU"

TARGETS = {
    SMALL: Target(1.8, then=1.5),
    ECHO: Target(1.3, then=1.0),
    LONG[30]: Target(1.7),
    LONG[300]: Target(1.4),
    LONG[1_000]: Target(1.3),
    STOCK: Target(0.4),
}

# As long as what people and models write in turn.
_MESSAGE = "A message of a conversation that has been going on for a while, with some hundred characters to it. " * 2


def run(table: Table) -> None:
    """CPU time per request, side by side."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(servers.upstream())
        fronts: list[servers.Front] = [
            servers.relay,
            servers.relay_under_gunicorn,
            servers.relaying,
            servers.fastapi,
            servers.stock,
        ]
        found = [stack.enter_context(start(upstream)) for start in [*fronts, *servers.slow_peers()]]
        found.insert(3, stack.enter_context(servers.parley()))
        found.insert(4, stack.enter_context(servers.bare()))
        asyncio.run(_measure(table, found))


async def _measure(table: Table, found: Sequence[Server]) -> None:
    named = {server.name: server for server in found}
    lengths: dict[str, Costs] = {}
    async with load.session() as client:
        for concurrency in (1, CONCURRENCY):
            cost = PerRequest(client, ("Hello there!",), concurrency)
            rounds = ROUNDS if concurrency == CONCURRENCY else FEWER_ROUNDS
            lengths[f"small request, {concurrency} at once"] = await side_by_side(found, cost, rounds)
        relaying = [server for server in found if server.name not in ("parley, echo", "bare")]
        anew = replace(named["relay"], name=ANEW, base="/json")
        for count in LENGTHS:
            cost = PerRequest(client, (_MESSAGE,) * count, 4)
            lengths[f"{count:,} messages"] = await side_by_side([*relaying, anew], cost, FEWER_ROUNDS)
    _tell(table, lengths, [*named, ANEW])


def _tell(table: Table, lengths: Mapping[str, Costs], names: Sequence[str]) -> None:
    small = lengths[f"small request, {CONCURRENCY} at once"]
    ratios = {
        SMALL: small.ratio("parley", "relay"),
        ECHO: small.ratio("parley, echo", "relay"),
        **{LONG[count]: lengths[f"{count:,} messages"].ratio("parley", ANEW) for count in LENGTHS},
        STOCK: small.ratio("parley, echo", "stock"),
    }
    for measure, ratio in ratios.items():
        table.hold("relay", measure, ratio, TARGETS[measure])
    rows = [
        [name, *(f"{costs.of(name) * 1e6:,.0f}" if name in costs.rounds else "" for costs in lengths.values())]
        for name in names
    ]
    drawn = [(name, small.of(name) * 1e6) for name in names if name in small.rounds]
    table.draw("cpu", drawing.bars(f"CPU of a small request, {CONCURRENCY} at once", drawn, "µs"))
    table.grid("cpu", ["CPU in µs per", *lengths], rows)
