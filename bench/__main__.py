"""``python -m bench [PART ...]``: measures, then prints the table."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from typing import Any

from .parts import drops, messages, model, profile, relay, relay_start, relay_streams, requests, start, streams
from .table import Table

PARTS = {
    "requests": requests,
    "messages": messages,
    "streams": streams,
    "drops": drops,
    "start": start,
    "model": model,
    "relay": relay,
    "relay_streams": relay_streams,
    "relay_start": relay_start,
    "profile": profile,
}
# What runs without a name: all that has a target.
DEFAULT = tuple(name for name in PARTS if name != "profile")


def main(arguments: list[str]) -> int:
    """Run some parts. A missed target is told in the table; the exit status is 0 all the same: machines differ."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}; without any: all with a target"
    )
    parser.add_argument("--profile", action="store_true", help="show the hottest functions too")
    options = parser.parse_args(arguments)
    names = list(options.parts or DEFAULT) + (["profile"] if options.profile else [])
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    # So that a bench that is told to stop ends its servers first.
    signal.signal(signal.SIGTERM, _interrupt)
    table = Table()
    begin = time.perf_counter()
    for name in dict.fromkeys(names):
        print(f"{name} ...", flush=True)
        PARTS[name].run(table)
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{table}\n\n{time.perf_counter() - begin:.0f} s on {os.cpu_count()} cores, load {load}")
    return 0


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
