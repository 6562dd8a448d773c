"""When an attempt may be repeated, and after how long."""

from __future__ import annotations

import email.utils
import random
import re
import time
from collections.abc import Mapping

FIRST_PAUSE = 0.1  # seconds, the upper bound of the first; each further one is twice as long
LONGEST_PAUSE = 4.0  # seconds
LONGEST_ASKED_PAUSE = 10.0  # seconds: a request waits no longer because an upstream asks it to
LONGEST_TOLD = 3600  # seconds: no Retry-After that is passed on is longer

_SHARE = 0.2  # of the requests may be repeated
_FLOOR = 0.2  # retries a second, however few requests there are
_CAPACITY = 10.0  # retries saved up for a burst

_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


class RetryBudget:
    """A bucket of tokens that bounds the retries of a client at an upstream: when everything fails, repeating it all
    would make it worse."""

    def __init__(self, now: float) -> None:
        self._tokens = _CAPACITY
        self._filled = now

    def deposit(self, now: float) -> None:
        """A request came."""
        self._tokens = min(_CAPACITY, self._tokens + _SHARE + _FLOOR * (now - self._filled))
        self._filled = now

    def withdraw(self) -> bool:
        """Whether a retry is to be had; it is spent with that."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RetryBudgets:
    """Each client has a budget of its own, so that none uses up the retries of others."""

    def __init__(self) -> None:
        self._budgets: dict[str | None, RetryBudget] = {}

    def of(self, client: str | None, now: float) -> RetryBudget:
        """The budget of a client, by the short name of its API key; None where no key is asked for."""
        found = self._budgets.get(client)
        if found is None:
            found = self._budgets[client] = RetryBudget(now)
        return found


def pause(retry: int) -> float:
    """Seconds before the retry with that number, from 0: exponential with full jitter."""
    return random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**retry))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait, None where it does not say.

    ``retry-after-ms`` as OpenAI sends it; ``Retry-After`` in seconds or as a date (RFC 9110, 10.2.3).
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
