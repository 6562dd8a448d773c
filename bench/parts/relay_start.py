"""From the command to the first relayed answer, and the memory of the worker that gave it."""

from __future__ import annotations

from statistics import median

from .. import server
from ..process import rss_mb
from ..table import Table

RUNS = 5
TARGET_SECONDS = 1.5
TARGET_RSS_MB = 110


def run(table: Table) -> None:
    """Start and stop; a first start, which compiles what is not compiled, is left out."""
    times: dict[str, list[float]] = {}
    memories: dict[str, list[float]] = {}
    with server.upstream() as upstream:
        for number in range(RUNS + 1):
            for start in (server.relaying, server.relay):
                with start(upstream) as found:
                    if number:
                        times.setdefault(found.name, []).append(found.started_in)
                        memories.setdefault(found.name, []).append(rss_mb(found.worker))
    for name in times:
        spent, memory, ours = median(times[name]), median(memories[name]), name == "parley"
        table.add(
            "relay_start",
            f"first relayed answer, {name}",
            f"{spent:6.2f} s",
            target=f"under {TARGET_SECONDS:g} s" if ours else "",
            met=spent < TARGET_SECONDS if ours else None,
        )
        table.add(
            "relay_start",
            f"worker's memory, {name}",
            f"{memory:6.0f} MB",
            target=f"under {TARGET_RSS_MB} MB" if ours else "",
            met=memory < TARGET_RSS_MB if ours else None,
        )
