"""The calendar's windows, in UTC."""

from __future__ import annotations

import calendar
import time
from functools import lru_cache


def day_of(second: int) -> int:
    """Return the number of a day since 1970-01-01; ``second`` is in seconds since then."""
    return second // 86400


@lru_cache(maxsize=64)
def month_of(day: int) -> int:
    """Return the number of the month of a day since the year 0."""
    date = time.gmtime(day * 86400)
    return date.tm_year * 12 + date.tm_mon - 1


def end_of_day(second: float) -> int:
    """Return the second in which the next day begins."""
    return (day_of(int(second)) + 1) * 86400


def end_of_month(second: float) -> int:
    """Return the second in which the next month begins."""
    year, month = divmod(month_of(day_of(int(second))) + 1, 12)
    return calendar.timegm((year, month + 1, 1, 0, 0, 0))
