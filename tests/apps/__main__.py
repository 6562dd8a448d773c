"""``python -m tests.apps [--write] [NAME ...]``: tries every application, or those of these names, with Parley. With
``--write`` their rows in ``docs/clients.md`` are written anew. The exit status is 1 where one fails."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence

from ..environments import Unavailable
from . import table
from .known import APPS
from .trial import App, attempt

WRITE = "--write"


def try_app(app: App) -> tuple[tuple[str, ...], bool]:
    """The row of an application, and whether it works; one that cannot be had is no failure of ours."""
    begin = time.monotonic()
    try:
        trial = attempt(app)
    except Unavailable as why:
        print(f"{app.name}: not tried: {why}", flush=True)
        return table.missing_row(app, str(why)), True
    for each in trial.failed:
        print(f"{app.name}: fails: {each}", flush=True)
    seconds = time.monotonic() - begin
    works = len(trial.works)
    print(f"{app.name} {app.version}: {works} of {works + len(trial.failed)} work, in {seconds:.0f} s", flush=True)
    return table.row(app, trial), not trial.failed


def main(arguments: Sequence[str]) -> int:
    names = [name for name in arguments if name != WRITE]
    if unknown := [name for name in names if name not in APPS]:
        print(f"There is no {unknown[0]!r} among {', '.join(APPS)}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    well = []
    for name in names or APPS:
        row, good = try_app(APPS[name])
        well.append(good)
        if WRITE in arguments:
            table.write(row)
    print(f"{sum(well)} passed, {len(well) - sum(well)} failed")
    return not all(well)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
