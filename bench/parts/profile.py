"""Where the time goes inside the application: the functions that are hottest by their own time, in a small request, in
one that is relayed, and in the chunks of a relayed stream.

The profiler makes every call dearer, small ones most: the order tells, the microseconds do not.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import time
from functools import partial
from pathlib import Path
from typing import Any

from app import create_app
from app.settings import Settings

from .. import inside, server, servers
from ..table import Table
from ..target import Target

CALLS = 2_000
RELAYED_CALLS = 1_000
LONG_CALLS = 50
LONG = 1_000  # messages
CHUNKS = 400
STREAMS = 8
SHOWN = 25

TARGETS: dict[str, Target] = {}


def run(table: Table) -> None:
    """Call the application without HTTP, first as it is, then under the profiler."""
    with inside.logging_to(server.SCRATCH / "profile.log"):
        app = create_app(Settings(engine="echo", api_keys=(server.KEY,)))
        asyncio.run(_profile(table, app))
        with servers.upstream() as upstream:
            relaying = create_app(Settings.from_environment(servers.relay_settings(upstream)))
            asyncio.run(_profile_relay(table, relaying))


async def _profile(table: Table, app: Any) -> None:
    call = inside.caller(app, inside.body("parley-echo"))
    await inside.repeat(call, 200)
    begin = time.process_time()
    await inside.repeat(call, CALLS)
    spent = (time.process_time() - begin) / CALLS * 1e6
    table.add("profile", "CPU per request without HTTP", f"{spent:5.0f} us")
    await _shown("a small request", CALLS, partial(inside.repeat, call, CALLS))


async def _profile_relay(table: Table, app: Any) -> None:
    async with inside.lifespan(app):
        call = inside.caller(app, inside.body("every-0"))
        await inside.until_it_answers(call)
        await inside.repeat(call, 200)
        begin = time.process_time()
        await inside.repeat(call, RELAYED_CALLS)
        spent = (time.process_time() - begin) / RELAYED_CALLS * 1e6
        table.add("profile", "CPU per relayed request, HTTP to the upstream alone", f"{spent:5.0f} us")
        await _shown("a relayed request", RELAYED_CALLS, partial(inside.repeat, call, RELAYED_CALLS))

        long = inside.caller(app, inside.body("every-0", LONG))
        await inside.repeat(long, 5)
        await _shown(f"a relayed request, {LONG:,} messages", LONG_CALLS, partial(inside.repeat, long, LONG_CALLS))

        stream = inside.caller(app, inside.body("every-5", stream=True, max_tokens=CHUNKS))

        async def streams() -> None:
            await asyncio.gather(*[stream() for _ in range(STREAMS)])

        begin = time.process_time()
        await streams()
        spent = (time.process_time() - begin) / STREAMS / CHUNKS * 1e6
        table.add("profile", "CPU per relayed chunk, HTTP to the upstream alone", f"{spent:5.0f} us")
        await _shown("a chunk, one every 5 ms", STREAMS * CHUNKS, streams)


async def _shown(what: str, count: int, work: inside.Call) -> None:
    # By the clock of the CPU: a relay waits most of the time.
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    await work()
    profiler.disable()
    print(f"{what}:")
    _show(pstats.Stats(profiler), count)


def _show(stats: pstats.Stats, count: int) -> None:
    # pstats prints files and seconds; a request has microseconds. Its numbers have no public name with types.
    entries = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    print(f"{'own us':>8} {'sum us':>8} {'calls':>6}  function")
    for (path, line, name), (_, calls, own, total, _) in entries[:SHOWN]:
        place = f"{_short(path)}:{line} {name}" if line else name
        print(f"{own / count * 1e6:8.1f} {total / count * 1e6:8.1f} {calls / count:6.1f}  {place}")


def _short(path: str) -> str:
    return "/".join(Path(path).parts[-3:])
