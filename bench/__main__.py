"""``python -m bench [PART ...]``: measures, then prints the table, and writes it into the documentation."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import traceback
from types import ModuleType
from typing import Any

from tests.environments import Unavailable

from . import page, servers
from .parts import (
    accounts,
    agent,
    chunks,
    drops,
    failover,
    flood,
    latency,
    layers,
    many,
    messages,
    model,
    profile,
    relay,
    soak,
    stalls,
    start,
    streams,
    workers,
)
from .table import Table

# A part is a module with ``run(table)`` and ``TARGETS``, in the order in which they are told.
PARTS: dict[str, ModuleType] = {
    "relay": relay,
    "chunks": chunks,
    "latency": latency,
    "many": many,
    "workers": workers,
    "accounts": accounts,
    "start": start,
    "layers": layers,
    "stalls": stalls,
    "agent": agent,
    "failover": failover,
    "flood": flood,
    "messages": messages,
    "streams": streams,
    "drops": drops,
    "model": model,
    "soak": soak,
    "profile": profile,
}
# What runs when it is named alone.
APART = ("soak", "profile")
DEFAULT = tuple(name for name in PARTS if name not in APART)


def main(arguments: list[str]) -> int:
    """Run some parts. A missed target is told in the table, and is no failure: machines differ.

    The exit status is 1 if a part could not be measured; the others are measured all the same.
    """
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}; without any: all but {', '.join(APART)}"
    )
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/performance.md")
    parser.add_argument("--litellm", action="store_true", help="measure LiteLLM's proxy too; installs it once")
    parser.add_argument("--minutes", type=float, default=soak.MINUTES, help="how long the soak takes")
    options = parser.parse_args(arguments)
    names = list(dict.fromkeys(options.parts or DEFAULT))
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    # So that a bench that is told to stop ends its servers first.
    signal.signal(signal.SIGTERM, _interrupt)
    soak.MINUTES = options.minutes
    if options.litellm:
        try:
            servers.with_litellm()
        except Unavailable as why:
            print(f"LiteLLM is left out: {why}", flush=True)
    else:
        print("LiteLLM is left out: --litellm installs and measures it", flush=True)
    table, failed = Table(), []
    begin = time.perf_counter()
    for name in names:
        print(f"{name} ...", flush=True)
        since = time.perf_counter()
        measured = Table()
        try:
            PARTS[name].run(measured)
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        finally:
            print(f"  {name}: {time.perf_counter() - since:.0f} s", flush=True)
        table.add_all(measured)
        if options.write:
            # At once, so that what was measured is kept whatever becomes of the rest.
            page.write(measured, list(PARTS))
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{table}\n\n{time.perf_counter() - begin:.0f} s on {os.cpu_count()} cores, load {load}")
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
