"""Numbers between bounds, and multiples, as automata over their digits.

Numbers have the plain form that models write: no leading zeros, and no exponent if there are bounds.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ....jsontypes import Json
from .automaton import Automaton, both, of_pattern
from .expressions import Unsayable

KEYWORDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})

# A float distinguishes all numbers of this many digits.
_DIGITS = 15
# The digits before and after the point of a non-integer with bounds.
_BEFORE, _AFTER = 9, 6
_FREE = rf"-?(?:0|[1-9]\d{{0,{_DIGITS - 1}}})(?:\.\d{{1,{_DIGITS}}})?(?:[eE][+-]?\d{{1,2}})?"
_SHAPE = rf"-?\d{{1,{_DIGITS + 3}}}|-?\d{{1,{_BEFORE}}}\.\d{{1,{_AFTER}}}"
_MOST_REMAINDERS = 1_000


def numbers(parts: list[Json], *, integers: bool) -> Automaton:
    """Return the automaton for numbers that obey bounds and multiples.

    Raises:
        Unsayable: an automaton cannot express that.
    """
    multiples = [Decimal(str(part["multipleOf"])) for part in parts if "multipleOf" in part]
    if not integers and any(multiple % 1 == 0 for multiple in multiples):
        integers = True
    lower, upper = _bounds(parts)
    if not integers:
        return _decimals(lower, upper, multiples)
    low, high = _integral(lower, -1), _integral(upper, 1)
    # A missing bound is replaced by the limit of what a float distinguishes, or by one further digit than the other
    # bound.
    low = low if low is not None else min(-(10**_DIGITS) + 1, 10 * min(high or 0, 0))
    high = high if high is not None else max(10**_DIGITS - 1, 10 * max(low, 0))
    found = [_whole(_between(low, high))] if low <= high else [of_pattern("a^")]
    found += [_multiples_of(multiple) for multiple in multiples]
    return functools.reduce(both, found)


_Bound = tuple[Decimal, bool] | None  # the value, and whether it is exclusive


def _bounds(parts: list[Json]) -> tuple[_Bound, _Bound]:
    lower = [(Decimal(str(v)), strict) for v, strict in _values(parts, "minimum", "exclusiveMinimum")]
    upper = [(Decimal(str(v)), strict) for v, strict in _values(parts, "maximum", "exclusiveMaximum")]
    return max(lower, default=None), min(upper, key=lambda bound: (bound[0], not bound[1]), default=None)


def _values(parts: list[Json], name: str, strict: str) -> Iterator[tuple[Any, bool]]:
    for part in parts:
        if name in part:
            yield part[name], False
        if strict in part:
            yield part[strict], True


def _integral(bound: _Bound, side: int) -> int | None:
    """Return the last integer within a bound; ``side`` is 1 for an upper bound."""
    if bound is None:
        return None
    value, strict = bound
    nearest = math.floor(value) if side > 0 else math.ceil(value)
    return nearest - side if strict and nearest == value else nearest


def _whole(pattern: str) -> Automaton:
    return of_pattern(f"^(?:{pattern})$")


def _between(low: int, high: int) -> str:
    """Return the pattern for the integers from ``low`` to ``high``."""
    found = []
    if low < 0:
        found.append(f"-(?:{_upwards(max(1, -high), -low)})")
    if high >= 0:
        found.append(_upwards(max(0, low), high))
    return "|".join(found)


def _upwards(low: int, high: int) -> str:
    """As `_between`, for two integers that are not negative."""
    found = []
    for length in range(len(str(low)), len(str(high)) + 1):
        first, last = max(low, 10 ** (length - 1) if length > 1 else 0), min(high, 10**length - 1)
        found.append(_alike(str(first), str(last)))
    return "|".join(found)


def _alike(low: str, high: str) -> str:
    """As `_between`, for two integers with the same number of digits, which may begin with zeros."""
    if low == high:
        return low
    rest = len(low) - 1
    if not rest:
        return f"[{low}-{high}]"
    if low[0] == high[0]:
        return f"{low[0]}(?:{_alike(low[1:], high[1:])})"
    first, last = int(low[0]), int(high[0])
    found = []
    if low[1:] != "0" * rest:
        found.append(f"{first}(?:{_alike(low[1:], '9' * rest)})")
        first += 1
    if high[1:] != "9" * rest:
        found.append(f"{last}(?:{_alike('0' * rest, high[1:])})")
        last -= 1
    if first <= last:
        found.append(f"[{first}-{last}][0-9]{{{rest}}}")
    return "|".join(found)


def _decimals(lower: _Bound, upper: _Bound, multiples: list[Decimal]) -> Automaton:
    if lower is None and upper is None and not multiples:
        return _whole(_FREE)
    positive, negative = _from(Decimal(0), False), f"-(?:{_from(Decimal(0), True)})"
    found = [_whole(_SHAPE), _whole(f"{positive}|{negative}")]
    if lower is not None:
        value, strict = lower
        own = _from(value, strict) if value >= 0 else f"{positive}|-(?:{_to(-value, strict)})"
        found.append(_whole(own))
    if upper is not None:
        value, strict = upper
        own = f"{negative}|{_to(value, strict)}" if value >= 0 else f"-(?:{_from(-value, strict)})"
        found.append(_whole(own))
    found += [_whole(rf"-?\d+(?:\.\d{{1,{_places(multiple)}}})?") for multiple in multiples]
    return functools.reduce(both, found)


def _places(multiple: Decimal) -> int:
    """Return how many places after the point the multiples of a power of ten have."""
    sign, digits, exponent = multiple.normalize().as_tuple()
    if sign or digits != (1,) or not isinstance(exponent, int) or not -_AFTER <= exponent < 0:
        raise Unsayable
    return -exponent


def _split(value: Decimal) -> tuple[int, str]:
    before, _, after = f"{value:f}".partition(".")
    return int(before), after.rstrip("0")


def _from(value: Decimal, strict: bool) -> str:
    """Return the pattern for numbers from a lower bound that is not negative."""
    before, after = _split(value)
    found = [rf"(?:{_upwards(before + 1, 10 ** (_DIGITS + 2))})(?:\.\d+)?", rf"{before}\.(?:{_more(after, strict)})"]
    return "|".join(found if after or strict else [*found, str(before)])


def _to(value: Decimal, strict: bool) -> str:
    """Return the pattern for numbers that are not negative, up to an upper bound."""
    before, after = _split(value)
    found = [rf"(?:{_upwards(0, before - 1)})(?:\.\d+)?"] if before else []
    found += [str(before)] if after or not strict else []
    found += [rf"{before}\.(?:{less})"] if (less := _less(after, strict)) else []
    return "|".join(found) or "a^"


def _more(digits: str, strict: bool) -> str:
    """Return the pattern for the digits after a point that are equal to or greater than these."""
    if not digits:
        return r"\d*[1-9]\d*" if strict else r"\d+"
    rest = _more(digits[1:], strict)
    own = f"{digits[0]}(?:{rest})" if len(digits) > 1 or strict else rf"{digits}\d*"
    return own if digits[0] == "9" else rf"{own}|[{int(digits[0]) + 1}-9]\d*"


def _less(digits: str, strict: bool) -> str:
    """Return the pattern for the digits after a point that are equal to or less than these; empty: there are none."""
    if not digits:
        return "" if strict else "0+"
    rest = _less(digits[1:], strict)
    own = []
    if len(digits) > 1 or not strict:
        own.append(f"{digits[0]}(?:{rest})?" if rest else digits[0])
    if digits[0] != "0":
        own.append(rf"[0-{int(digits[0]) - 1}]\d*")
    return "|".join(own)


def _multiples_of(multiple: Decimal) -> Automaton:
    """Return the automaton for integers that are multiples of a number."""
    scale = 1
    while multiple * scale % 1:
        scale *= 10
    # An integer is a multiple of p / q, in lowest terms, if it is a multiple of p.
    step = int(multiple * scale) // math.gcd(int(multiple * scale), scale)
    if step > _MOST_REMAINDERS:
        raise Unsayable
    return _by_remainder(step)


@functools.lru_cache(maxsize=64)
def _by_remainder(step: int) -> Automaton:
    # Remainders that no digits distinguish share a state, such as those of powers of ten.
    group = [0 if remainder == 0 else 1 for remainder in range(step)]
    while True:
        told = [(group[r], *(group[(10 * r + digit) % step] for digit in range(10))) for r in range(step)]
        names = {key: index for index, key in enumerate(dict.fromkeys(told))}
        if len(names) == len(set(group)):
            break
        group = [names[key] for key in told]
    chosen = {group[r]: r for r in reversed(range(step))}
    order = {name: index for index, name in enumerate([group[0], *sorted(set(group) - {group[0]})])}
    moves = []
    for name in order:
        targets: dict[int, list[tuple[int, int]]] = {}
        for digit in range(10):
            target = order[group[(10 * chosen[name] + digit) % step]]
            targets.setdefault(target, []).append((0x30 + digit, 0x30 + digit))
        moves.append(tuple((tuple(ranges), target) for target, ranges in targets.items()))
    # A sign may come first; the bounds exclude a sign without digits.
    moves[0] = (*moves[0], (((0x2D, 0x2D),), 0))
    return Automaton(tuple(moves), tuple(name == group[0] for name in order), step * 10)
