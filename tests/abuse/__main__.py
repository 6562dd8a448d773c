"""``make abuse``: each case of the table several times over, and what it cost.

    python -m tests.abuse [--rounds N] [WORDS]

With words only the cases whose names have them. The exit status is 1 when a case hurts another client.
"""

from __future__ import annotations

import argparse
import sys

from .cases import CASES
from .measuring import Bench, Report

_COLUMNS = f"{'answers':>10} {'cpu s':>7} {'gap ms':>7} {'plain':>6} {'peak':>6} {'left MiB':>8} {'fds':>4} {'thr':>4}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.abuse")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("words", nargs="?", default="")
    options = parser.parse_args()
    print(f"{'case':52} {_COLUMNS}")
    bench, failed = Bench(), 0
    try:
        for case in CASES:
            if options.words in case.name:
                report = bench.run(case, options.rounds)
                print(_line(report), flush=True)
                failed += bool(report.faults)
    finally:
        bench.close()
    print(f"{failed} of the cases hurt others" if failed else "no case hurts others")
    return 1 if failed else 0


def _line(report: Report) -> str:
    cost, told = report.cost, "; ".join(report.faults)
    if cost is None:
        return f"{report.case.name:52} {told}"
    answers = ",".join(map(str, sorted(set(cost.answers)))) or "-"
    return (
        f"{report.case.name:52} {answers:>10} {cost.cpu:7.2f} {cost.gap * 1000:7.0f} {report.plain.gap * 1000:6.0f} "
        f"{cost.peak:6.0f} {cost.left.memory:8.0f} {cost.left.descriptors:4} {cost.left.threads:4}  {told}"
    ).rstrip()


if __name__ == "__main__":
    sys.exit(main())
