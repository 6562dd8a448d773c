"""A real model through us and through llama.cpp's own server: tokens per second, the first of them, and memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from app.configuration.model_file import usable_cores
from app.model_files.catalogue import CATALOGUE

from .. import load, server, servers
from ..process import pss_mb
from ..table import Table
from ..target import Target

NAME = "smollm2"
TOKENS = 80
STREAMS = (1, 4)
ROUNDS = 3
SLOTS, CONTEXT = 4, 1024

SPEED = {count: f"tokens per second, streams at once: {count}, of llama.cpp's server" for count in STREAMS}
MEMORY = "memory beyond llama.cpp's server, shared memory once"

TARGETS = {
    **{measure: Target(0.95, least=True) for measure in SPEED.values()},
    MEMORY: Target(60, "MB"),
}

# Without its two ends of a text the model talks on.
ENDLESS = {"0": -100, "2": -100}
PROMPT = "Tell me a long story about a fox and a crow."


@dataclass
class Measured:
    """What one server did: tokens per second of all streams together, and seconds to the first token, a round each."""

    speeds: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)


def run(table: Table) -> None:
    """Both servers side by side, asked in turn."""
    path = _pulled()
    threads = usable_cores()
    with servers.serving(NAME, SLOTS, CONTEXT) as ours, servers.llama(path, threads, SLOTS, CONTEXT) as theirs:
        for streams in STREAMS:
            asyncio.run(_compare(table, ours, theirs, streams))
        more = pss_mb(ours.pid) - pss_mb(theirs.pid)
        table.hold("model", MEMORY, more, TARGETS[MEMORY])


def _pulled() -> Path:
    """The model's file, downloaded once."""
    state = server.SCRATCH / "state"
    command = [sys.executable, "-m", "parley", "models", "pull", NAME]
    subprocess.run(command, check=True, cwd=server.ROOT, env=server.environment({"PARLEY_STATE_DIR": str(state)}))
    return CATALOGUE[NAME].path(state)


async def _compare(table: Table, ours: server.Server, theirs: server.Server, streams: int) -> None:
    found = {ours.name: Measured(), theirs.name: Measured()}
    # llama.cpp's server ends its connections when it likes.
    async with load.session(keep=False) as client:
        for number in range(ROUNDS + 1):
            # Who is first in a round changes: what else the machine does hits both alike.
            for each in (ours, theirs) if number % 2 else (theirs, ours):
                speed, first = await _round(client, each, streams)
                if number:  # the first one warms up
                    found[each.name].speeds.append(speed)
                    found[each.name].firsts.append(first)
    speeds = {name: median(measured.speeds) for name, measured in found.items()}
    firsts = {name: median(measured.firsts) for name, measured in found.items()}
    ratio = speeds[ours.name] / speeds[theirs.name]
    what = f"{streams} stream{'s' if streams > 1 else ''}"
    told = f"{speeds[ours.name]:.1f} of {speeds[theirs.name]:.1f}"
    table.hold("model", SPEED[streams], ratio, TARGETS[SPEED[streams]], told)
    table.add("model", f"{what}: first token, ours", f"{firsts[ours.name] * 1e3:6.1f} ms")
    table.add("model", f"{what}: first token, llama.cpp's", f"{firsts[theirs.name] * 1e3:6.1f} ms")


async def _round(client: load.Client, found: server.Server, streams: int) -> tuple[float, float]:
    # The likeliest tokens: drawing from all, as the API says, is dearer than drawing from 40, as llama.cpp does.
    asked = {"stream": True, "max_tokens": TOKENS, "temperature": 0, "logit_bias": ENDLESS}
    begin = time.perf_counter()
    bodies = [load.chat(found, f"{PROMPT} {number}", seed=number, **asked) for number in range(streams)]
    results = await asyncio.gather(*(load.stream(client, found, json.dumps(body).encode()) for body in bodies))
    spent = time.perf_counter() - begin
    if not all(result.done and result.status == 200 for result in results):
        raise RuntimeError(f"{found.name} did not end its streams: {results}")
    return streams * TOKENS / spent, median(result.first for result in results)
