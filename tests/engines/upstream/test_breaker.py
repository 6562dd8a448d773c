"""A replica that fails is left alone until a probe was answered; no client alone can bring that about for others."""

from __future__ import annotations

import pytest

from app.engines.transport.breaker import (
    CONSECUTIVE,
    COOL_DOWN,
    FIRST_DOUBT,
    LONGEST_COOL_DOWN,
    LONGEST_DOUBT,
    WINDOW,
    Breaker,
)
from app.engines.transport.failures import Verdict

GONE, BROKEN, FAULTY = Verdict.GONE, Verdict.BROKEN, Verdict.FAULTY
of_the_connection = pytest.mark.parametrize("verdict", [GONE, BROKEN])


def opened() -> Breaker:
    breaker = Breaker()
    assert [breaker.failed(0.0, "a", GONE) for _ in range(CONSECUTIVE)] == [False] * (CONSECUTIVE - 1) + [True]
    return breaker


def fails(breaker: Breaker, verdict: Verdict, *clients: str | None, now: float = 0.0) -> bool:
    """Whether failures of these clients, in turn and many times over, open it."""
    return any(breaker.failed(now, client, verdict) for _ in range(100) for client in clients)


@of_the_connection
@pytest.mark.parametrize("clients", [["a"], [None], ["a", "b"]])
def test_failures_of_the_connection_in_a_row_open_it_whoever_asks(verdict: Verdict, clients: list[str | None]) -> None:
    breaker = Breaker()
    assert fails(breaker, verdict, *clients)
    assert not breaker.closed
    assert breaker.wait(0.0) > 0


@of_the_connection
def test_a_success_begins_a_new_row(verdict: Verdict) -> None:
    breaker = Breaker()
    for _ in range(20):
        for _ in range(CONSECUTIVE - 1):
            assert not breaker.failed(0.0, "a", verdict)
        breaker.succeeded(0.0, "a")
    assert breaker.closed


@pytest.mark.parametrize("client", ["a", None])
def test_with_one_client_alone_a_status_never_opens_it(client: str | None) -> None:
    breaker = Breaker()
    for now in range(10):
        assert not fails(breaker, FAULTY, client, now=now * WINDOW)


def test_a_status_that_several_clients_get_opens_it_when_none_has_success() -> None:
    breaker = Breaker()
    assert not breaker.failed(0.0, "a", FAULTY)
    assert breaker.failed(0.0, "b", FAULTY)


def test_a_status_opens_nothing_while_any_client_has_success() -> None:
    breaker = Breaker()
    breaker.succeeded(0.0, "c")
    assert not fails(breaker, FAULTY, "a", "b", "c", now=0.9 * WINDOW)
    assert breaker.failed(1.1 * WINDOW, "a", FAULTY)


def test_failures_of_several_clients_count_together_only_when_they_are_near_in_time() -> None:
    breaker = Breaker()
    for index in range(10):
        assert not fails(breaker, FAULTY, f"client {index}", now=1.1 * WINDOW * index)


def test_connections_that_break_for_one_client_open_nothing_while_another_has_success() -> None:
    breaker = Breaker()
    breaker.succeeded(0.0, "good")
    assert not fails(breaker, BROKEN, "bad", now=0.9 * WINDOW)
    assert fails(breaker, BROKEN, "bad", now=1.1 * WINDOW)


def test_connections_that_break_for_all_who_had_success_open_it() -> None:
    breaker = Breaker()
    breaker.succeeded(0.0, "a")
    breaker.succeeded(0.0, "b")
    assert fails(breaker, BROKEN, "a", "b", now=1.0)


def test_what_cannot_be_reached_is_avoided_whoever_had_success() -> None:
    breaker = Breaker()
    breaker.succeeded(0.0, "good")
    assert fails(breaker, GONE, "bad", now=1.0)


def test_connections_that_one_client_breaks_do_not_count_as_ones_that_nobody_could_make() -> None:
    breaker = Breaker()
    breaker.succeeded(0.0, "good")
    assert not fails(breaker, BROKEN, "bad")
    assert [breaker.failed(1.0, "bad", GONE) for _ in range(CONSECUTIVE)] == [False] * (CONSECUTIVE - 1) + [True]


def test_it_closes_once_it_has_cooled_down_and_a_probe_was_answered() -> None:
    breaker = opened()
    breaker.mended(0.5 * COOL_DOWN)
    assert not breaker.closed
    breaker.mended(breaker.wait(0.0))
    assert breaker.closed
    assert breaker.wait(0.0) == 0
    breaker.mended(0.0)
    assert breaker.closed


def test_each_time_that_it_opens_before_a_success_it_is_for_longer() -> None:
    breaker, now, waits = Breaker(), 0.0, []
    for _ in range(8):
        assert fails(breaker, GONE, "a", now=now)
        waits.append(breaker.wait(now))
        now += waits[-1]
        breaker.mended(now)
    assert waits[0] <= COOL_DOWN * 1.25
    assert waits[2] > waits[0]
    assert LONGEST_COOL_DOWN * 0.75 <= waits[-1] <= LONGEST_COOL_DOWN * 1.25
    breaker.succeeded(now, "a")
    assert fails(breaker, GONE, "a", now=now)
    assert breaker.wait(now) <= COOL_DOWN * 1.25


def test_what_fails_after_it_opened_decides_nothing() -> None:
    breaker = opened()
    wait = breaker.wait(0.0)
    assert not fails(breaker, GONE, "a", "b")
    assert breaker.wait(0.0) == wait


def test_it_is_doubted_for_longer_with_each_failure_until_a_success() -> None:
    breaker = Breaker()
    assert not breaker.doubted(0.0)
    breaker.failed(0.0, "a", FAULTY)
    assert breaker.doubted(0.9 * FIRST_DOUBT)
    assert not breaker.doubted(FIRST_DOUBT)
    for _ in range(2000):
        breaker.failed(0.0, "a", FAULTY)
    assert breaker.doubted(0.9 * LONGEST_DOUBT)
    assert not breaker.doubted(LONGEST_DOUBT)
    breaker.succeeded(0.0, "b")
    assert not breaker.doubted(0.0)
