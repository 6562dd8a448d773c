"""A process hangs when it has answered once and then neither answers nor computes; nothing else is a hang."""

from __future__ import annotations

import os
import time

from app.model_process.health import Probe, computed


class Process:
    """One that a probe asks: each question is answered or not, having computed so many seconds since the last."""

    def __init__(self, *rounds: tuple[bool, float]) -> None:
        self._rounds = iter(rounds)
        self._computed = 0.0
        self.asked: list[float] = []

    def answers(self, seconds: float) -> bool:
        self.asked.append(seconds)
        answered, worked = next(self._rounds)
        self._computed += worked
        return answered

    def computed(self) -> float:
        return self._computed


WORKING, HUNG, BUSY, IDLE = (True, 0.3), (False, 0.0), (False, 2.0), (True, 0.0)


def probed(*rounds: tuple[bool, float], patience: float = 30.0) -> list[bool]:
    process = Process(*rounds)
    probe = Probe(patience, process.answers, process.computed)
    return [probe.hangs() for _ in rounds]


def test_a_process_hangs_after_three_questions_that_it_neither_answered_nor_computed_at() -> None:
    assert probed(WORKING, HUNG, HUNG, HUNG) == [False, False, False, True]
    assert probed(WORKING, HUNG, HUNG, IDLE, HUNG, HUNG) == [False] * 6


def test_questions_and_pauses_together_take_the_time_that_is_set() -> None:
    process = Process(WORKING, HUNG, HUNG, HUNG)
    probe = Probe(30.0, process.answers, process.computed)
    while not probe.hangs():
        pass
    assert sum(process.asked[1:]) + 3 * probe.seconds == 30.0


def test_a_process_does_not_hang_before_its_first_answer_however_long_it_takes() -> None:
    assert not any(probed(*[HUNG] * 1000, WORKING, HUNG, HUNG, BUSY))


def test_a_process_that_is_too_busy_to_answer_does_not_hang() -> None:
    assert not any(probed(WORKING, *[BUSY] * 1000))
    assert probed(WORKING, HUNG, HUNG, BUSY, HUNG, HUNG, HUNG) == [False] * 6 + [True]


def test_what_a_waiting_thread_takes_is_no_work() -> None:
    assert probed(WORKING, (False, 0.01), (False, 0.01), (False, 0.01))[-1]


def test_what_a_process_has_computed_is_read_from_the_system() -> None:
    before = computed(os.getpid())
    assert before > 0
    deadline = time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    assert computed(os.getpid()) > before
    assert computed(-1) == 0
