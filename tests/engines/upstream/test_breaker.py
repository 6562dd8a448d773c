"""A replica that fails is left alone for a while, then tried with one request."""

from __future__ import annotations

import pytest

from app.engines.transport.breaker import CONSECUTIVE, COOL_DOWN, LONGEST_COOL_DOWN, WINDOW, Breaker


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    assert [breaker.failed(now, False) for _ in range(CONSECUTIVE)] == [False] * (CONSECUTIVE - 1) + [True]
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = opened()
    assert not breaker.closed
    assert not breaker.allows(0.5 * COOL_DOWN)


def test_a_success_begins_a_new_row() -> None:
    breaker = Breaker()
    for _ in range(2):
        for _ in range(CONSECUTIVE - 1):
            assert not breaker.failed(0.0, False)
        breaker.succeeded()
    assert breaker.closed


def test_half_of_many_requests_failing_opens_it_though_never_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(WINDOW // 2 - 1):
        breaker.succeeded()
        assert not breaker.failed(0.0, False)
    breaker.succeeded()
    assert breaker.failed(0.0, False)


def test_failures_that_may_be_the_requests_fault_count_only_towards_the_rate() -> None:
    breaker = Breaker()
    assert not any(breaker.failed(0.0, False, broken=False) for _ in range(WINDOW - 1))
    assert breaker.failed(0.0, False, broken=False)


def test_once_it_has_cooled_down_one_request_is_tried() -> None:
    breaker = opened()
    assert breaker.wait(0.0) > 0
    assert breaker.allows(2 * COOL_DOWN)
    assert breaker.claim()
    assert not breaker.allows(2 * COOL_DOWN)


def test_a_trial_that_is_answered_closes_it() -> None:
    breaker = opened()
    breaker.answered(breaker.claim())
    assert breaker.closed
    assert breaker.wait(0.0) == 0


def test_a_trial_that_fails_opens_it_for_longer() -> None:
    breaker = opened()
    now, waits = 0.0, []
    for _ in range(8):
        now += breaker.wait(now)
        assert breaker.failed(now, breaker.claim())
        waits.append(breaker.wait(now))
    assert waits[0] >= 2 * COOL_DOWN * 0.75
    assert waits[-1] <= LONGEST_COOL_DOWN * 1.25
    assert waits[2] > waits[0]


def test_a_trial_that_shows_nothing_lets_the_next_one_try() -> None:
    breaker = opened()
    breaker.released(breaker.claim())
    assert breaker.allows(2 * COOL_DOWN)
    assert not breaker.closed


def test_what_began_before_it_opened_decides_nothing() -> None:
    breaker = opened()
    assert not breaker.failed(0.0, False)
    breaker.answered(False)
    breaker.succeeded()
    breaker.released(False)
    assert not breaker.allows(0.5 * COOL_DOWN)
    assert breaker.claim()
    breaker.released(False)
    assert not breaker.allows(2 * COOL_DOWN)


@pytest.mark.parametrize("now", [0.1, 100.0])
def test_a_sign_of_life_cools_it_at_once(now: float) -> None:
    breaker = opened()
    breaker.cool(now)
    assert breaker.allows(now)
    assert not breaker.closed
    Breaker().cool(now)
