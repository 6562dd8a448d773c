"""The time from the command to the first answer with 200."""

from __future__ import annotations

from statistics import median

from .. import server
from ..table import Table

RUNS = 3
TARGET_SECONDS = 3.0


def run(table: Table) -> None:
    """Start and stop the server with either engine; a first start, which compiles what is not compiled, is left out."""
    for engine in ("echo", "llama"):
        times = []
        for number in range(RUNS + 1):
            with server.parley(engine=engine) as found:
                if number:
                    times.append(found.started_in)
        spent = median(times)
        table.add(
            "start",
            f"first 200, {engine}, {found.model}",
            f"{spent:6.2f} s",
            target=f"under {TARGET_SECONDS:g} s",
            met=spent < TARGET_SECONDS,
        )
