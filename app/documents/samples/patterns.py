"""Generates texts that match a regular expression: Python's own parser parses it, and its tree is walked at random.

Constructs that cannot be generated directly (look-around, boundaries, back-references in unusual places) are left out
of the text. The result is validated against the pattern, and the caller retries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from random import Random
from typing import Any

# Not public, and without types.
code: Any = import_module("re._constants")
parser: Any = import_module("re._parser")


class NoInstance(Exception):
    """No value that is valid under a schema was found."""


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_PLAIN = _LETTERS + _DIGITS
_PRINTABLE = "".join(map(chr, range(32, 127)))
_CATEGORIES = {
    code.CATEGORY_DIGIT: _DIGITS,
    code.CATEGORY_WORD: _PLAIN + _LETTERS.upper() + "_",
    code.CATEGORY_SPACE: " \t\n",
}
_OPPOSITES = {
    code.CATEGORY_NOT_DIGIT: code.CATEGORY_DIGIT,
    code.CATEGORY_NOT_WORD: code.CATEGORY_WORD,
    code.CATEGORY_NOT_SPACE: code.CATEGORY_SPACE,
}
# Syntax that differs in ECMA 262 (the dialect of `pattern`); named classes are restricted to their ASCII characters.
_ECMA = (
    (re.compile(r"\(\?<(?![=!])"), "(?P<"),
    (re.compile(r"\\k<(\w+)>"), r"(?P=\1)"),
    (re.compile(r"\\u\{0*([0-9a-fA-F]{1,4})\}"), lambda found: "\\u" + found[1].zfill(4)),
    (re.compile(r"\[((?:[^\]\\]|\\[^pP])*)\\p\{[^}]*\}"), r"[\1A-Za-z"),
    (re.compile(r"\\p\{(?:N|Nd)\}"), "[0-9]"),
    (re.compile(r"\\p\{[^}]*\}"), "[A-Za-z]"),
    (re.compile(r"(?<!\\)\$$"), r"\\Z"),
)
_MOST_REPEATS = 4
_MOST_DEMANDED = 10_000
_TRIES = 60


@lru_cache(1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the pattern compiled in Python's dialect, for `search`.

    Raises:
        NoInstance: Python cannot parse it.
    """
    for known, ours in _ECMA:
        pattern = known.sub(ours, pattern)
    try:
        return re.compile(pattern, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise NoInstance(f"the pattern cannot be read: {error}") from None


def matching(pattern: str, rng: Random, shortest: int = 0, longest: int | None = None) -> Iterator[str]:
    """Yield a bounded number of texts that contain a match of the pattern, of ``shortest`` to ``longest`` characters.

    Raises:
        NoInstance: the pattern cannot be parsed.
    """
    search = compiled(pattern)
    tree = parser.parse(search.pattern, re.ASCII)
    for attempt in range(_TRIES):
        writer = _Writer(rng, shortest if attempt % 2 else 0)
        text = writer.sequence(tree)
        if len(text) < shortest:
            text += "".join(rng.choice(_PLAIN) for _ in range(shortest - len(text)))
        if (longest is None or len(text) <= longest) and search.search(text):
            yield text


class _Writer:
    """Generates one text. ``wanted`` is the number of repetitions to aim for; 0: few."""

    def __init__(self, rng: Random, wanted: int) -> None:
        self.rng = rng
        self.wanted = wanted
        self.groups: dict[int, str] = {}

    def sequence(self, items: Any) -> str:
        return "".join(self.one(operation, value) for operation, value in items)

    def one(self, operation: Any, value: Any) -> str:
        if operation is code.LITERAL:
            return chr(value)
        if operation is code.NOT_LITERAL:
            return self.rng.choice(_PLAIN.replace(chr(value), ""))
        if operation is code.ANY:
            return self.rng.choice(_PLAIN)
        if operation is code.IN:
            return self.rng.choice(_members(value))
        if operation in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
            low, high, inner = value
            if int(low) > _MOST_DEMANDED:
                raise NoInstance("a pattern that demands too many repetitions")
            most = min(int(high), max(int(low) + _MOST_REPEATS, self.wanted))
            count = self.rng.randint(max(int(low), min(self.wanted, most)), most)
            return "".join(self.sequence(inner) for _ in range(count))
        if operation is code.SUBPATTERN:
            group, _, _, inner = value
            text = self.sequence(inner)
            if group is not None:
                self.groups[group] = text
            return text
        if operation is code.ATOMIC_GROUP:
            return self.sequence(value)
        if operation is code.BRANCH:
            return self.sequence(self.rng.choice(value[1]))
        if operation is code.GROUPREF:
            return self.groups.get(value, "")
        if operation is code.ASSERT:
            direction, inner = value
            return self.sequence(inner) if direction > 0 and self.rng.random() < 0.3 else ""
        return ""  # anchors and boundaries; the result is checked against the pattern


def _members(items: Any) -> str:
    """Return the characters of a class such as ``[a-z\\d]``: the printable ones, if there are any."""
    negated, found = False, ""
    for operation, value in items:
        if operation is code.NEGATE:
            negated = True
        elif operation is code.LITERAL:
            found += chr(value)
        elif operation is code.RANGE:
            low, high = value
            found += "".join(map(chr, range(low, min(high, low + 255) + 1)))
        elif operation is code.CATEGORY:
            found += _CATEGORIES.get(value) or _without(_CATEGORIES[_OPPOSITES[value]])
    chosen = _without(found) if negated else found
    if not chosen:
        raise NoInstance("a class of characters has no member that prints")
    return "".join(c for c in chosen if c.isprintable()) or chosen


def _without(excluded: str) -> str:
    plain = "".join(c for c in _PLAIN if c not in excluded)
    return plain or "".join(c for c in _PRINTABLE + "éß漢" if c not in excluded)
