"""``python -m tests.models [NAME ...]``: asks every model of the zoo for everything."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from ..live import StartError, serve
from . import zoo
from .checks import CHECKS, verdicts


def main(names: Sequence[str]) -> int:
    failed = passed = 0
    models = {name: name for name in zoo.templates() if not names or any(each in name for each in names)}
    for name in models:
        began = time.monotonic()
        try:
            with serve("llama", {"PARLEY_MODEL": str(zoo.build(name)), "PARLEY_LOG_LEVEL": "warning"}) as server:
                for feature, verdict, why in verdicts(server):
                    if verdict == "no":
                        failed += 1
                        print(f"{name}: {feature}: {why[:400]}", flush=True)
                    else:
                        passed += 1
        except StartError as error:
            failed += len(CHECKS)
            print(f"{name}: does not start: {error}", flush=True)
        print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)
    print(f"{passed} of {passed + failed}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
