"""Decides when an attempt may be retried, and after how long."""

from __future__ import annotations

import email.utils
import random
import re
import time
from collections.abc import Mapping

FIRST_PAUSE = 0.1  # seconds, the upper bound of the first pause; it doubles with each retry
LONGEST_PAUSE = 4.0  # seconds
LONGEST_ASKED_PAUSE = 10.0  # seconds: the longest requested wait that a request follows
LONGEST_TOLD = 3600  # seconds: the largest Retry-After that is passed on

_SHARE = 0.2  # of the requests may be retried
_FLOOR = 0.2  # retries per second, however few requests there are
_CAPACITY = 10.0  # retries saved up for a burst

_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


class RetryBudget:
    """A token bucket that limits the retries of a client at an upstream: when everything fails, retrying everything
    would make it worse."""

    def __init__(self, now: float) -> None:
        self._tokens = _CAPACITY
        self._filled = now

    def deposit(self, now: float) -> None:
        """Record a request."""
        self._tokens = min(_CAPACITY, self._tokens + _SHARE + _FLOOR * (now - self._filled))
        self._filled = now

    def withdraw(self) -> bool:
        """Spend a retry if one is available. Returns whether one was."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RetryBudgets:
    """One budget for each client, so that no client uses up the retries of others."""

    def __init__(self) -> None:
        self._budgets: dict[str | None, RetryBudget] = {}

    def of(self, client: str | None, now: float) -> RetryBudget:
        """Return the budget of a client: the short name of its API key, None if no key is required."""
        found = self._budgets.get(client)
        if found is None:
            found = self._budgets[client] = RetryBudget(now)
        return found


def pause(retry: int) -> float:
    """Return the seconds before a retry, numbered from 0: exponential backoff with full jitter."""
    return random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**retry))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait, None if it does not say.

    Reads ``retry-after-ms`` as OpenAI sends it; ``Retry-After`` in seconds or as a date (RFC 9110, 10.2.3).
    """
    value = headers.get("retry-after-ms", "").strip()
    if _NUMBER.fullmatch(value):
        return float(value) / 1000
    value = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value) if 0 < len(value) < 64 else None
        return None if date is None else max(0.0, date.timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
