"""Generates numbers within bounds and steps with exact arithmetic: a step of 0.1 is exactly a tenth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from .patterns import NoInstance

# The largest distance of a number from its bounds, or above 0, if there is no other limit: most numbers in APIs are
# counts, sizes and times.
_SPAN = 1000
# Bounds that are further apart, such as those of int64, do not indicate how large a number is.
_WIDE = 1_000_000


@dataclass(frozen=True, slots=True)
class Range:
    """The range from ``low`` to ``high``; None: no bound. An open end is excluded."""

    low: Fraction | None = None
    high: Fraction | None = None
    low_open: bool = False
    high_open: bool = False

    def has(self, value: Fraction) -> bool:
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below


def exact(value: float) -> Fraction:
    """Return the exact decimal number, not its binary approximation."""
    return Fraction(str(value))


def number(
    span: Range, steps: Sequence[Fraction], rng: Random, *, integer: bool, dynamic: bool, wide: bool = False
) -> int | float:
    """Return a number in a range that is a multiple of every step. ``dynamic``: a random one, negative only if it must
    be or with ``wide``; else the one nearest to 0.

    Raises:
        NoInstance: there is none.
    """
    wanted = [*steps, Fraction(1)] if integer else list(steps)
    found = _multiple(span, _common(wanted), rng, dynamic, wide) if wanted else _any(span, rng, dynamic, wide)
    if not span.has(found):
        raise NoInstance("no number is within the bounds")
    return int(found) if found.denominator == 1 else float(found)


def _common(steps: Sequence[Fraction]) -> Fraction:
    step = steps[0]
    for other in steps[1:]:
        step = Fraction(math.lcm(step.numerator, other.numerator), math.gcd(step.denominator, other.denominator))
    if step <= 0:
        raise NoInstance("a step of 0")
    return step


def _multiple(span: Range, step: Fraction, rng: Random, dynamic: bool, wide: bool) -> Fraction:
    least = None if span.low is None else math.ceil(span.low / step)
    most = None if span.high is None else math.floor(span.high / step)
    if least is not None and span.low_open and least * step == span.low:
        least += 1
    if most is not None and span.high_open and most * step == span.high:
        most -= 1
    if least is not None and most is not None and least > most:
        raise NoInstance("no multiple is within the bounds")
    if not dynamic:
        return step * (least if least is not None and least > 0 else most if most is not None and most < 0 else 0)
    low, high = _window(None if least is None else Fraction(least), None if most is None else Fraction(most), wide)
    return step * rng.randint(int(low), int(high))


def _window(low: Fraction | None, high: Fraction | None, wide: bool) -> tuple[Fraction, Fraction]:
    """Return the bounds for a random number: the given ones if they are close together, else limited by `_SPAN`."""
    if low is not None and high is not None and high - low <= _WIDE:
        return low, high
    if high is not None and high < 0:
        return (high - _SPAN if low is None else max(low, high - _SPAN)), high
    least = Fraction(-_SPAN if wide else 0)
    low = least if low is None else max(low, least)
    return low, max(low, Fraction(0)) + _SPAN if high is None else min(high, max(low, Fraction(0)) + _SPAN)


def _any(span: Range, rng: Random, dynamic: bool, wide: bool) -> Fraction:
    if not dynamic:
        ends = [end for end in (span.low, span.high) if end is not None]
        near = [Fraction(0), *ends, *(end + by for end in ends for by in (1, -1)), sum(ends, Fraction(0)) / 2]
        return next((value for value in near if span.has(value)), near[-1])
    low, high = _window(span.low, span.high, wide)
    value = low + (high - low) * Fraction(rng.random())
    rounded = round(value, 3)
    return rounded if span.has(rounded) else Fraction(float(value))
