"""Repetitions are few and spread: a budget that requests fill, and pauses that grow."""

from __future__ import annotations

from app.engines.transport import retrying
from app.engines.transport.retrying import RetryBudget


def test_the_budget_fills_with_requests_and_slowly_by_itself() -> None:
    budget = RetryBudget(0.0)
    while budget.withdraw():
        pass
    for _ in range(5):
        budget.deposit(0.0)
    assert [budget.withdraw(), budget.withdraw()] == [True, False]
    budget.deposit(100.0)
    assert budget.withdraw()
    budget.deposit(100_000.0)
    assert sum(budget.withdraw() for _ in range(100)) == 10


def test_pauses_grow_are_random_and_bounded() -> None:
    for retry in (0, 1, 2, 50):
        longest = min(0.1 * 2**retry, 4.0)
        pauses = [retrying.pause(retry) for _ in range(300)]
        assert 0 <= min(pauses) < 0.1 * longest
        assert 0.9 * longest < max(pauses) <= longest
