"""What is counted of one subject, without I/O. `script.lua` has the same rules for Redis; keep them alike.

A minute is counted in slots of a second, each of which counts for `WINDOW` seconds, so that in no 59 seconds more than
the limit passes. A day and a month are the calendar's, in UTC. All amounts are integers in one array:

    day, tokens of the day, month, tokens of the month, money of the month,
    requests of the minute, tokens of the minute,
    and for each slot, oldest first: second, requests, tokens
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from .calendar import day_of, month_of
from .counts import CONCURRENT, DAY, MONEY, MONTH, REQUESTS, TOKENS, WINDOW, Claim, Count

_SLOTS = 7
_EMPTY = bytes(8 * _SLOTS)
# Where the total of a measure is, and its place in a slot; 0 if it has none.
_TOTAL = {DAY: 1, MONTH: 3, MONEY: 4, REQUESTS: 5, TOKENS: 6}
_IN_SLOT = {REQUESTS: 1, TOKENS: 2, DAY: 0, CONCURRENT: 0, MONTH: 0, MONEY: 0}
# As in `app.limits.limiter`: counts are made for each claim of a request.
_new = tuple.__new__
# More is not counted, so that no sum leaves 64 bits.
_FULL = 1 << 62


class State:
    """The counts of one subject, from the bytes that `data` returned. They belong to one kind of machine."""

    __slots__ = ("_values",)

    def __init__(self, data: bytes | None = None) -> None:
        self._values = array("q", data or _EMPTY)

    @property
    def data(self) -> bytes:
        """The counts as bytes."""
        return self._values.tobytes()

    @property
    def newest(self) -> int:
        """The second of the newest slot, 0 if there is none."""
        return self._values[-3] if len(self._values) > _SLOTS else 0

    def advance(self, second: int) -> None:
        """Forget what does not count any more at a time in seconds since 1970."""
        values = self._values
        day = day_of(second)
        if values[0] != day:
            values[0], values[1] = day, 0
            month = month_of(day)
            if values[2] != month:
                values[2], values[3], values[4] = month, 0, 0
        end = len(values)
        if end == _SLOTS:
            return
        if values[-3] > second + WINDOW:  # the clock was put back
            del values[_SLOTS:]
            values[5] = values[6] = 0
            return
        first = _SLOTS
        while first < end and values[first] <= second - WINDOW:
            values[5] -= values[first + 1]
            values[6] -= values[first + 2]
            first += 3
        if first > _SLOTS:
            del values[_SLOTS:first]

    def check(self, claims: Sequence[Claim], places: int, counts: list[Count]) -> bool:
        """Add what is counted of each claim's limit to ``counts``, and return whether all claims fit; ``places`` are
        the concurrent requests."""
        values = self._values
        newest = self.newest
        fits = True
        for measure, limit, amount in claims:
            used = places if measure == CONCURRENT else values[_TOTAL[measure]]
            free = 0
            if used + amount > limit:
                fits = False
                free = self._free(measure, used + amount - limit)
            counts.append(_new(Count, (used, free, newest)))
        return fits

    def _free(self, measure: int, excess: int) -> int:
        """Return the second from which ``excess`` less of a minute's measure is counted; 0 if it is not of a minute."""
        place = _IN_SLOT[measure]
        second = 0
        if place:
            values = self._values
            for slot in range(_SLOTS, len(values), 3):
                second = values[slot] + WINDOW
                excess -= values[slot + place]
                if excess <= 0:
                    break
        return second

    def take(self, claims: Sequence[Claim], second: int) -> None:
        """Count the amounts of claims in the present."""
        values = self._values
        for measure, _, amount in claims:
            if measure == CONCURRENT:
                continue
            total = _TOTAL[measure]
            counted = values[total] + amount
            values[total] = counted if counted < _FULL else _FULL
            place = _IN_SLOT[measure]
            if place:
                if len(values) == _SLOTS or values[-3] < second:
                    values.extend((second, 0, 0))
                counted = values[place - 3] + amount
                values[place - 3] = counted if counted < _FULL else _FULL

    def correct(self, differences: Sequence[tuple[int, int]], second: int) -> None:
        """Change what was counted in an earlier second, unless its window is over."""
        values = self._values
        slot = self._slot(second)
        day = day_of(second)
        for measure, difference in differences:
            place = _IN_SLOT[measure]
            if place:
                if slot is None:
                    continue
                counted = values[slot + place]
                if difference < -counted:
                    difference = -counted
                values[slot + place] = min(counted + difference, _FULL)
            elif values[0] != day if measure == DAY else values[2] != month_of(day):
                continue
            total = _TOTAL[measure]
            values[total] = min(max(values[total] + difference, 0), _FULL)

    def _slot(self, second: int) -> int | None:
        """Return where the slot of a second is, None if there is none."""
        values = self._values
        for slot in range(len(values) - 3, _SLOTS - 1, -3):
            if values[slot] <= second:
                return slot if values[slot] == second else None
        return None
