"""``python -m tests.models [NAME ...]``: asks every model of the zoo, or those with a part of these names, for all that
there is to ask. Once all have passed, the verdicts are written into ``docs/models.md``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..live import StartError, serve
from . import zoo
from .checks import CHECKS, FAILED, verdicts
from .table import SMOLLM2, write

# Servers that are asked at a time.
_AT_ONCE = 2
# Enough for each check, and thoughts of noise end soon: they may take a quarter.
ENVIRONMENT = {"PARLEY_MODEL_CONTEXT": "2048", "PARLEY_MODEL_THREADS": "1", "PARLEY_LOG_LEVEL": "warning"}


def ask(name: str, path: Path) -> dict[str, str]:
    """The verdict on each feature of a model."""
    found: dict[str, str] = {}
    begin = time.monotonic()
    try:
        with serve("llama", {**ENVIRONMENT, "PARLEY_MODEL": str(path)}) as server:
            for feature, verdict, why in verdicts(server):
                found[feature] = verdict
                if verdict == FAILED:
                    print(f"{name}: {feature}: {why[:1000]}", flush=True)
    except StartError as error:
        print(f"{name}: {error}", flush=True)
        found = dict.fromkeys(CHECKS, FAILED)
    passed = sum(verdict != FAILED for verdict in found.values())
    print(f"{name}: {passed} of {len(CHECKS)} in {time.monotonic() - begin:.0f} s", flush=True)
    return found


def main(names: Sequence[str]) -> int:
    paths = {name: zoo.build(name) for name in zoo.templates()} | {SMOLLM2: zoo.smollm2()}
    asked = {name: path for name, path in paths.items() if not names or any(each in name for each in names)}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(asked, pool.map(ask, asked, asked.values()), strict=True))
    failed = sum(verdict == FAILED for verdicts_ in found.values() for verdict in verdicts_.values())
    print(f"{len(found) * len(CHECKS) - failed} of {len(found) * len(CHECKS)} checks passed")
    if asked == paths and not failed:
        write(found)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
