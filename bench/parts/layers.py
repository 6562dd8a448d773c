"""Where the CPU time of a request goes, layer by layer: of one that the echo engine answers, one that is relayed, and a
long one that is relayed.

The application is called in this process, without HTTP, as it is and with its layers' boundaries timed
(`bench.probe`); what a server takes for the same request beyond that is HTTP's. Of a relayed request, what is outside
all layers is what the event loop calls when the upstream's connections can be read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, TypeVar

from app import create_app
from app.settings import Settings

from .. import drawing, inside, load, probe, server, servers
from ..compare import CONCURRENCY, PerRequest
from ..probe import Boundary
from ..server import Server
from ..table import Table
from ..target import Target

# Over HTTP, and for each of these in process; short ones, some of which nothing interrupts.
ROUNDS, SHORT_ROUNDS = 9, 6
CALLS = 96
# The messages of a long request, and how often it is called in a short round.
MESSAGES, LONG_CALLS = 1_000, 16

TOGETHER = "layers of an echo request together, of its CPU when they are not timed"

TARGETS = {TOGETHER: Target(1.1)}

T = TypeVar("T")

HTTP, CLIENT = "HTTP", "upstream client"

# In the order in which a request meets them. What stands in no line is its caller's.
LAYERS: Mapping[str, tuple[Boundary, ...]] = {
    "front": (
        ("app.web.front", "FrontMiddleware.__call__"),
        ("app.web.envelope", "EnvelopeMiddleware.__call__"),
    ),
    "log": (("app.web.front", "_write"),),
    "routing": (("app.frameworks.connexion", "ExactRoutingMiddleware.__call__"),),
    "security": (("app.frameworks.connexion_layers", "QuickSecurityMiddleware.__call__"),),
    "parsing": (
        ("app.web.bodies", "BodyReader.read"),
        ("app.web.checking", "scan"),
        ("app.web.checking", "parse_body"),
    ),
    "checking": (
        ("app.web.checking", "CheckMiddleware.__call__"),
        ("app.web.view", "OperationView._check"),
    ),
    "bridge to Flask": (
        ("app.frameworks.connexion_layers", "QuickLifespanMiddleware.__call__"),
        ("app.frameworks.connexion_layers", "QuickContextMiddleware.__call__"),
        ("app.web.bridge", "Bridge.__call__"),
    ),
    "handler and domain": (("app.web.view", "OperationView.call"),),
    "engine": (
        ("app.engines.echo", "EchoEngine.prepare"),
        ("app.engines.echo", "EchoPlan.complete"),
        ("app.engines.upstream", "UpstreamEngine.prepare"),
        ("app.engines.relaying", "UpstreamPlan.complete"),
    ),
    CLIENT: (("app.engines.transport.replicas", "Replicas.post"),),
    "writing": (
        ("app.web.sending", "Sender.finish"),
        ("app.web.view", "ReplyEncoder.encode"),
        ("app.web.sending", "send_answer"),
    ),
}

WHAT = {
    HTTP: "our server of HTTP/1.1 and the event loop: sockets, heads and bodies, a task for each request",
    "front": "the request's id, the facts for the log, and the shape of errors",
    "log": "the request's line, by Python's logging",
    "routing": "the operation of the path and method",
    "security": "Connexion's security: the key, compared in constant time",
    "parsing": "the body: read within limits, its values counted, its JSON parsed strictly",
    "checking": "the request and the answer against the document",
    "bridge to Flask": "Connexion's context, and the way to the handler: without Flask if nothing could tell",
    "handler and domain": "the model, the policy for parameters, the conversation, the limiter, the completion's form",
    "engine": "the request in the upstream's dialect and its answer read, or the echo made",
    CLIENT: "the HTTP client and the transport: connection, retries, breaker, time limits",
    "writing": "the answer as JSON, its headers, and the watch for a client that leaves",
}


def run(table: Table) -> None:
    """Each request in a table and a drawing."""
    with inside.logging_to(server.SCRATCH / "layers.log"), servers.upstream() as upstream:
        app: Any = create_app(Settings(engine="echo", api_keys=(server.KEY,)))
        with servers.parley() as found:
            echo, told = asyncio.run(_layers(app, found, "parley-echo", concurrency=1))
        app = create_app(Settings.from_environment(servers.relay_settings(upstream)))
        with servers.relaying(upstream) as found:
            relayed, _ = asyncio.run(_layers(app, found, upstream.model))
            long, _ = asyncio.run(_layers(app, found, upstream.model, messages=MESSAGES, calls=LONG_CALLS))
    # An echo request has nothing outside the layers: it tells how well they are measured.
    table.hold("layers", TOGETHER, told, TARGETS[TOGETHER])
    shown_as = (
        ("echo", "an echo request", echo),
        ("relayed", "a relayed request", relayed),
        ("long", f"a relayed request of {MESSAGES:,} messages", long),
    )
    for name, title, spent in shown_as:
        whole = sum(spent.values())
        shown = f"CPU of {title}"
        rows = [[layer, f"{value:,.0f}", f"{value / whole:.0%}", WHAT[layer]] for layer, value in spent.items()]
        table.grid(f"layers of {title}", [shown, "µs", "share", "what it does"], rows)
        table.draw(
            f"layers-{name}", drawing.bars(f"{shown}, {whole:,.0f} µs in all", list(spent.items()), "µs", shares=True)
        )


async def _layers(
    app: Any, found: Server, model: str, *, messages: int = 1, calls: int = CALLS, concurrency: int = CONCURRENCY
) -> tuple[dict[str, float], float]:
    """The microseconds of each layer; and of all but HTTP together, how much of the request they are when nothing is
    timed but the whole. Of the rounds, those count that were interrupted least."""
    call = inside.caller(app, inside.body(model, messages))
    overheads = probe.calibrated()
    over_http, plain = [], []
    rounds: list[dict[str, float]] = []
    async with inside.lifespan(app), load.session() as client:
        await inside.until_it_answers(call)
        cost = PerRequest(client, inside.contents(messages))
        await cost(found)
        await inside.repeat(call, 10 * calls, concurrency)
        for number in range(ROUNDS * SHORT_ROUNDS):
            if number % SHORT_ROUNDS == 0:
                over_http.append(await cost(found) * 1e6)
            begin = time.process_time_ns()
            await inside.repeat(call, calls, concurrency)
            plain.append((time.process_time_ns() - begin) / calls / 1e3)
            with probe.probing(LAYERS) as probed:
                await inside.repeat(call, calls, concurrency)
            rounds.append({name: spent / calls / 1e3 for name, spent in probed.corrected(overheads).items()})
    within = median(_least(plain))
    least = _least(rounds, lambda each: sum(each.values()))
    spent = {layer: median(each[layer] for each in least) for layer in LAYERS if layer in least[0]}
    outside = within - sum(spent.values())
    # Without an upstream nothing is outside but the caller: too little to tell, and HTTP's in a server.
    if CLIENT in spent:
        spent[CLIENT] += outside
    http = median(_least(over_http)) - within + (0.0 if CLIENT in spent else outside)
    return {HTTP: max(http, 0.0), **spent}, 1 - outside / within


def _least(rounds: Sequence[T], key: Callable[[T], Any] = lambda each: each) -> list[T]:
    """The lowest quarter of the rounds."""
    return sorted(rounds, key=key)[: max(1, len(rounds) // 4)]
