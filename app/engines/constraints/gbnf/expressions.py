"""Regular expressions of a JSON schema as trees: those with the same meaning in JavaScript, Rust and Python.

An expression that has another meaning in one of them, or is not regular, is not supported: its grammar would allow
texts that a validator refuses.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

# Inclusive ranges of code points, sorted and apart from each other.
Ranges = tuple[tuple[int, int], ...]

LAST = 0x10FFFF
# All characters of a text. Surrogates are not characters.
ANY: Ranges = ((0, 0xD7FF), (0xE000, LAST))
_DIGITS: Ranges = ((0x30, 0x39),)
_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
# What all of the languages regard as white space, and what any of them does.
_SPACE: Ranges = ((0x09, 0x0D), (0x20, 0x20))
_SPACES: Ranges = (
    *((0x09, 0x0D), (0x1C, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200B)),
    *((0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)
_BREAKS: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_CONTROLS = {"n": 0x0A, "r": 0x0D, "t": 0x09, "f": 0x0C, "v": 0x0B}
_HEX = {"x": 2, "u": 4}


class Unsayable(Exception):
    """A grammar cannot express this, or would be too large."""


@dataclass(frozen=True, slots=True)
class Class:
    """One character."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place: the begin of the text, or its end."""

    end: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts that follow each other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several branches."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """``most`` is None if there is no limit."""

    part: Node
    least: int
    most: int | None


Node = Class | Anchor | Sequence | Choice | Repeat


def united(ranges: list[tuple[int, int]]) -> Ranges:
    """Return the union of any ranges, as `Ranges`."""
    if len(ranges) == 1:
        return (ranges[0],)
    result: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    return tuple(result)


@functools.lru_cache(maxsize=4_096)
def common(one: Ranges, other: Ranges) -> Ranges:
    """Return the intersection of two ranges."""
    found = []
    i = j = 0
    while i < len(one) and j < len(other):
        low, high = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if low <= high:
            found.append((low, high))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def without(ranges: Ranges) -> Ranges:
    """Return all characters that are not in the ranges."""
    gaps, begin = [], 0
    for low, high in ranges:
        if begin < low:
            gaps.append((begin, low - 1))
        begin = high + 1
    if begin <= LAST:
        gaps.append((begin, LAST))
    return common(tuple(gaps), ANY)


def parse(pattern: str) -> Node:
    """Return the tree of a pattern.

    Raises:
        Unsayable: the pattern has something that is not regular, or whose meaning differs between the languages.
    """
    reader = _Reader(pattern)
    node = reader.choice()
    if not reader.ended:
        raise Unsayable
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    @property
    def ended(self) -> bool:
        return self._place >= len(self._text)

    def choice(self) -> Node:
        branches = [self._sequence()]
        while self._takes("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while not self.ended and self._text[self._place] not in "|)":
            parts.append(self._repeated(self._single()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self, part: Node) -> Node:
        sign = self._text[self._place : self._place + 1]
        if not sign or sign not in "*+?{":
            return part
        if isinstance(part, Anchor):
            raise Unsayable
        self._place += 1
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign] if sign != "{" else self._count()
        # A lazy repetition matches the same texts.
        self._takes("?")
        if self._text[self._place : self._place + 1] in ("*", "+", "?", "{"):
            raise Unsayable
        return Repeat(part, least, most)

    def _count(self) -> tuple[int, int | None]:
        body, closed, _ = self._text[self._place :].partition("}")
        low, comma, high = body.partition(",")
        if not closed or not _is_count(low) or (high and not _is_count(high)):
            raise Unsayable
        self._place += len(body) + 1
        least = int(low)
        most = least if not comma else int(high) if high else None
        if most is not None and most < least:
            raise Unsayable
        return least, most

    def _single(self) -> Node:
        sign = self._next()
        if sign == "(":
            if self._takes("?") and not self._takes(":"):
                raise Unsayable
            inner = self.choice()
            if not self._takes(")"):
                raise Unsayable
            return inner
        if sign == "[":
            return Class(self._bracket())
        if sign == ".":
            return Class(without(_BREAKS))
        if sign in "^$":
            return Anchor(sign == "$")
        if sign in "*+?{":
            raise Unsayable
        return Class(self._escaped() if sign == "\\" else _one(ord(sign)))

    def _bracket(self) -> Ranges:
        negative = self._takes("^")
        found: list[tuple[int, int]] = []
        if self._text[self._place : self._place + 1] == "]":
            raise Unsayable  # an empty class in one language, a bracket in another
        while not self._takes("]"):
            item = self._member()
            rest = self._text[self._place : self._place + 2]
            if rest[:1] == "-" and rest != "-]":
                self._place += 1
                last = self._member()
                if not (_is_one(item) and _is_one(last)) or last[0][0] < item[0][0]:
                    raise Unsayable
                item = ((item[0][0], last[0][0]),)
            found += item
        ranges = common(united(found), ANY)
        return without(ranges) if negative else ranges

    def _member(self) -> Ranges:
        """One character or shorthand within brackets."""
        sign = self._next()
        # Rust has nested classes, and interprets two of these signs as a set operation.
        if sign == "[" or (sign in "&~-" and self._text[self._place : self._place + 1] == sign):
            raise Unsayable
        return self._escaped() if sign == "\\" else _one(ord(sign))

    def _escaped(self) -> Ranges:
        sign = self._next()
        shorthands = {
            "d": _DIGITS,
            "D": without(_DIGITS),
            "w": _WORD,
            "W": without(_WORD),
            "s": _SPACE,
            "S": without(_SPACES),
        }
        if sign in shorthands:
            return shorthands[sign]
        if sign in _CONTROLS:
            return _one(_CONTROLS[sign])
        if sign in _HEX:
            digits = self._text[self._place : self._place + _HEX[sign]]
            if len(digits) != _HEX[sign] or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
                raise Unsayable
            self._place += len(digits)
            return _one(int(digits, 16))
        if sign.isalnum() or not sign.isascii():
            raise Unsayable
        return _one(ord(sign))

    def _next(self) -> str:
        if self.ended:
            raise Unsayable
        self._place += 1
        return self._text[self._place - 1]

    def _takes(self, sign: str) -> bool:
        found = self._text.startswith(sign, self._place)
        self._place += len(sign) if found else 0
        return found


def _one(code: int) -> Ranges:
    if 0xD800 <= code <= 0xDFFF:
        raise Unsayable
    return ((code, code),)


def _is_one(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5
