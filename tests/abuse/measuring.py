"""What an attack costs: the worker its time, other clients their answers, the machine its memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..live import Server, serve
from .cases import Case, Setup
from .families import MODEL
from .probe import Probe
from .processes import Held, Processes
from .target import Attack, Target

DOCUMENTS = Path(__file__).parent / "documents"

# What an attack may cost: beside a plain large request in the same run, and wide enough for any machine. In seconds.
_GAP = (2.0, 1.0)
_CPU = (20.0, 4.0)
# MiB that all processes may take more at their peak than before, and that may be left once all is over.
_PEAK = 800.0
_LEFT = 400.0
# Descriptors and threads that may be left: pools of threads are filled once.
_DESCRIPTORS = 8
_THREADS = 40
# How long what is left is waited for; only a failure reaches it.
_SETTLING = 30.0


@dataclass(frozen=True, slots=True)
class Cost:
    """``cpu`` seconds of the worker, ``gap`` seconds in which nobody else was answered, ``peak`` in MiB above what was
    held before, and what is ``left``; ``answers`` are the statuses."""

    cpu: float
    gap: float
    peak: float
    left: Held
    answers: Collection[int]


@dataclass(frozen=True, slots=True)
class Report:
    """The cost of a case, None where it could not be taken, beside that of a plain large request."""

    case: Case
    cost: Cost | None
    plain: Cost
    faults: list[str] = field(default_factory=list)


class Bench:
    """Runs cases, each setup on a server of its own, one at a time. A server that was hurt is not used again."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._setup: Setup | None = None
        self._server: Server
        self._probe: Probe
        self._plain: Cost

    def close(self) -> None:
        """Stop the server."""
        self._setup = None
        self._stack.close()

    def run(self, case: Case, rounds: int = 1) -> Report:
        """Make a case's attack so many times."""
        if self._setup != case.setup:
            self.close()
            self._start(case.setup)
        attack = case.make()
        try:
            cost = self._take(attack, case.needs_key, rounds)
        except (OSError, AssertionError) as error:
            self.close()
            return Report(case, None, self._plain, [f"no answer, or no worker any more: {error!r}"])
        told = list(faults(case, cost, self._plain, rounds))
        if told:
            self.close()
        return Report(case, cost, self._plain, told)

    def _start(self, setup: Setup) -> None:
        env = {"PARLEY_GRACEFUL_TIMEOUT": "1"}
        if setup.engine == "llama":
            env["PARLEY_MODEL_ID"] = MODEL
        if setup.document is not None:
            env |= {"PARLEY_SPEC": str(DOCUMENTS / setup.document), "PARLEY_MOCK": "missing"}
        self._server = self._stack.enter_context(serve(setup.engine, env))
        self._probe = self._stack.enter_context(Probe(self._server.port))
        self._setup = setup
        plain = setup.plain()
        self._take(plain, True, 1)  # what is made once is made
        self._plain = self._take(plain, True, 1)

    def _take(self, attack: Attack, with_key: bool, rounds: int) -> Cost:
        processes = Processes(self._server)
        target = Target(self._server.port, self._server.key if with_key else "")
        before, cpu = processes.held(), processes.cpu()
        processes.forget_peak()
        self._probe.longest_gap()
        answers = [status for _ in range(rounds) for status in attack(target)]
        gap = self._probe.longest_gap()
        cpu = processes.cpu() - cpu
        peak = processes.peak() - before.memory
        left = _settled(processes, before)
        assert processes.workers == self._server.workers, "a worker ended"
        return Cost(cpu, gap, peak, left, answers)


def _settled(processes: Processes, before: Held) -> Held:
    """What is left when all that ends by itself has ended."""
    deadline = time.monotonic() + _SETTLING
    while True:
        left = processes.held() - before
        if (left.descriptors <= 0 and left.memory <= _LEFT) or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def faults(case: Case, cost: Cost, plain: Cost, rounds: int) -> Iterator[str]:
    """What is wrong with the cost of an attack that was made so many times."""
    if not set(cost.answers) <= case.answers:
        yield f"answers {sorted(set(cost.answers))}, expected {sorted(case.answers)}"
    if cost.gap > _most(_GAP, plain.gap):
        yield f"nobody else was answered for {cost.gap:.2f} s"
    if cost.cpu > _most(_CPU, plain.cpu) * rounds:
        yield f"took {cost.cpu:.1f} s of CPU time"
    if cost.peak > _PEAK:
        yield f"took {cost.peak:.0f} MiB"
    if cost.left.memory > _LEFT:
        yield f"left {cost.left.memory:.0f} MiB"
    if cost.left.descriptors > _DESCRIPTORS:
        yield f"left {cost.left.descriptors} descriptors"
    if cost.left.threads > _THREADS:
        yield f"left {cost.left.threads} threads"


def _most(bound: tuple[float, float], plain: float) -> float:
    return bound[0] * plain + bound[1]
