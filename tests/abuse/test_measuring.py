"""The verdict over an attack is made beside a plain large request in the same run, and by bounds for any machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .attacks import garbage
from .cases import Case
from .measuring import Cost, faults
from .processes import Held

CASE = Case(name="x", make=lambda: garbage(b""), answers=frozenset({400}))
NOTHING = Held(0, 0, 0.0)
CHEAP = Cost(cpu=0.1, gap=0.1, peak=10.0, left=NOTHING, answers=[400])


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        (CHEAP, ""),
        (replace(CHEAP, answers=[400, 200]), "answers"),
        (replace(CHEAP, gap=1.3), "nobody else was answered"),
        (replace(CHEAP, cpu=7.0), "CPU"),
        (replace(CHEAP, peak=1000.0), "took 1000 MiB"),
        (replace(CHEAP, left=Held(0, 0, 500.0)), "left 500 MiB"),
        (replace(CHEAP, left=Held(20, 0, 0.0)), "left 20 descriptors"),
        (replace(CHEAP, left=Held(0, 50, 0.0)), "left 50 threads"),
    ],
)
def test_what_an_attack_costs_too_much_is_told(cost: Cost, told: str) -> None:
    found = list(faults(CASE, cost, CHEAP, 1))
    assert len(found) == bool(told)
    assert told in "".join(found)


def test_where_a_plain_request_takes_longer_an_attack_may_too() -> None:
    slow = replace(CHEAP, gap=1.0, cpu=1.0)
    assert list(faults(CASE, replace(CHEAP, gap=2.5, cpu=20.0), slow, 1)) == []


def test_more_rounds_may_take_more_time_of_the_worker_but_make_no_longer_gap() -> None:
    assert list(faults(CASE, replace(CHEAP, cpu=20.0), CHEAP, 5)) == []
    assert list(faults(CASE, replace(CHEAP, gap=1.3), CHEAP, 5)) != []
