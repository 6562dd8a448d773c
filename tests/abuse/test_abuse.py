"""No attack of the table hurts another client, ends a worker, or leaves anything behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .cases import CASES, Case
from .measuring import Bench

pytestmark = [pytest.mark.live, pytest.mark.abuse]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES if not case.long])
def test_one_client_cannot_hurt_another(bench: Bench, case: Case) -> None:
    report = bench.run(case)
    assert not report.faults, report


def test_the_names_of_cases_tell_them_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
