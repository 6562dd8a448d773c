"""``python -m tests.upstreams [--write] [NAME ...]``: asks every server, or those of these names, by itself and through
Parley; ``scripted`` is the scripted one with each vice. With ``--write`` the rows of ``docs/upstreams.md`` are written
anew for what was asked. The exit status is 1 where something wrong reaches a client."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence

from app.certify.operations import OPERATIONS

from ..environments import Unavailable
from . import scripted, table
from .asking import Found, Unasked, ask
from .servers import SERVERS, Server

SCRIPTED = "scripted"
WRITE = "--write"


def ask_server(server: Server) -> tuple[tuple[str, ...], bool]:
    """The row of a server, and whether all is well with it; one that cannot be had is."""
    begin = time.monotonic()
    try:
        server.prepare()
        with server.start() as started:
            found = ask(server.name, started)
    except (Unavailable, Unasked) as why:
        print(f"{server.name}: not asked: {why}", flush=True)
        # What ships with our engine must be there.
        return table.missing_row(server.name, str(why)), server.environment is not None
    wrong = list(_wrong(found))
    for each in wrong:
        print(f"{server.name}: {each}", flush=True)
    directly, through = found.scores
    seconds = time.monotonic() - begin
    print(f"{server.name}: {directly} % directly, {through} % through Parley, in {seconds:.0f} s", flush=True)
    for operation in OPERATIONS[1:]:
        before, after = found.score_of(operation.name)
        if after is not None:
            print(f"{server.name}: {operation.name}: {before} % directly, {after} % through Parley", flush=True)
    return table.server_row(server.name, server.version, found), not wrong


def _wrong(found: Found) -> Iterator[str]:
    for row in found.wrong:
        yield f"{row.name}: {row.fate} through Parley: {row.seen}"
    for each in found.failed:
        yield f"the SDK: {each}"


def ask_scripted() -> tuple[dict[str, scripted.Outcome], bool]:
    """What became of each vice, and whether none reached a client."""
    begin = time.monotonic()
    outcomes = scripted.ask()
    told = list(scripted.told(outcomes))
    for each in told:
        print(f"{SCRIPTED}: {each}", flush=True)
    seconds = time.monotonic() - begin
    print(f"{SCRIPTED}: {len(outcomes) - 1} vices, {len(told)} reach a client, in {seconds:.0f} s", flush=True)
    return outcomes, not told


def main(arguments: Sequence[str]) -> int:
    names = [name for name in arguments if name != WRITE]
    known = [*SERVERS, SCRIPTED]
    if unknown := [name for name in names if name not in known]:
        print(f"There is no {unknown[0]!r} among {', '.join(known)}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    asked = names or known
    well = []
    for server in SERVERS.values():
        if server.name in asked:
            row, good = ask_server(server)
            well.append(good)
            if WRITE in arguments:
                table.write_server(row)
    if SCRIPTED in asked:
        outcomes, good = ask_scripted()
        well.append(good)
        if WRITE in arguments:
            table.write_vices(outcomes)
    print(f"{sum(well)} passed, {len(well) - sum(well)} failed")
    return not all(well)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
