"""The limits of the regular expressions of a JSON schema, and the cost of compiling them.

Other requests wait while patterns are compiled. A class of Unicode letters takes a thousand times as long as a letter;
a repetition takes as long as its expansion; shorthands such as ``\\s`` are expanded one after the other, and each
expansion scans the whole pattern. So patterns are weighed before: a weight of 1 is about a microsecond.
"""

from __future__ import annotations

import re

LONGEST_PATTERN = 512
MOST_REPEATS = 2_000  # of all patterns together: compiling a pattern expands its repetitions
# For all patterns of a schema together.
MOST_WEIGHT = 30_000

_PROPERTY = 280  # \p{L}
_FOLDED = 1_000  # non-ASCII characters in brackets, when case is ignored
_WIDE = 12  # \D, \S, \W
_MOST = 5  # a dot, \s, and brackets that begin with ^
_FEW = 3  # \w, \d, and other brackets
_CHOICE = 5  # *, +, ?

# Look-around, references to groups, and word boundaries.
_NOT_REGULAR = re.compile(r"\(\?(?:[=!]|<[=!]|P?[<=>])|\\[bBkGAzZ1-9]")
# If white space and comments are ignored, brackets and braces may have another meaning.
_FREE = re.compile(r"\(\?(?:#|[a-zA-Z-]*x)")
_FOLDING = re.compile(r"\(\?[a-zA-Z]*i")
_COUNT = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")
_TOKEN = re.compile(
    r"(?P<property>\\[pP](?:\{[^}]*\}|.)?)|(?P<code>\\[ux](?:\{[^}]*\})?)|(?P<shorthand>\\[wWdDsS])|\\.?"
    rf"|(?P<count>{_COUNT.pattern})|(?P<head>\(\?[a-zA-Z-]*[:)])|.",
    re.DOTALL,
)


class Patterns:
    """All patterns of a schema. ``weight`` is the total weight of the patterns that were added."""

    def __init__(self) -> None:
        self.weight = 0
        self._repeats = 0

    def add(self, pattern: str) -> str | None:
        """Add a pattern. Return why it cannot be used together with those before, or None if it can."""
        if len(pattern) > LONGEST_PATTERN:
            return f"a pattern may be at most {LONGEST_PATTERN} characters long"
        literal = pattern.replace("\\\\", "")
        if _NOT_REGULAR.search(literal):
            return "a pattern cannot have lookaround, back-references or word boundaries"
        if _FREE.search(literal):
            return "a pattern cannot have comments or the flag x"
        for found in _COUNT.finditer(pattern):
            self._repeats += max((int(count[:9]) for count in found.groups() if count), default=0)
            if self._repeats > MOST_REPEATS:
                return f"all patterns together may ask for at most {MOST_REPEATS} repetitions"
        self.weight += weigh(pattern)
        if self.weight > MOST_WEIGHT:
            return (
                f"all patterns together may weigh at most {MOST_WEIGHT}, beside their length: 1 for a character, "
                rf"{_PROPERTY} for a class such as \p{{L}}, {_MOST} for a dot or [^a], {_WIDE} for \S, "
                r"each as often as it is repeated, and many of \w, \d and \s in one pattern as much as their square"
            )
        return None


def weigh(pattern: str) -> int:
    """Return the weight of a pattern, which is the cost of compiling it. The pattern may be invalid."""
    folding = _FOLDING.search(pattern) is not None
    shorthands = spaces = 0
    # For each open group: the weight of its content before the last item, and that of the item, which may be repeated.
    groups = [[0, 0]]
    tokens = list(_TOKEN.finditer(pattern))
    place = 0
    while place < len(tokens):
        text, kind = tokens[place][0], tokens[place].lastgroup
        place += 1
        group = groups[-1]
        if text == "(" or (kind == "head" and text[-1] == ":"):
            groups.append([0, 0])
        elif text == ")":
            if len(groups) > 1:
                groups.pop()
                groups[-1][0] += groups[-1][1]
                groups[-1][1] = 1 + sum(group)
        elif text in ("*", "+", "?"):
            group[1] += _CHOICE
        elif kind == "count":
            group[1] *= max([1, *(int(count[:9]) for count in re.findall(r"\d+", text))])
        else:
            weight, place = _bracket(tokens, place, folding) if text == "[" else (_single(text, kind), place)
            if kind == "shorthand":
                shorthands += 1
                spaces += text in ("\\s", "\\S")
            group[0] += group[1]
            group[1] = 2 * weight if folding else weight
    # \s is expanded to four times as many ranges as the others.
    return len(pattern) + sum(map(sum, groups)) + shorthands * (shorthands + 3 * spaces)


def _single(text: str, kind: str | None) -> int:
    if kind == "property":
        return _PROPERTY
    if kind == "shorthand":
        return _WIDE if text[1].isupper() else _MOST if text[1] == "s" else _FEW
    return _MOST if text == "." else 1


def _bracket(tokens: list[re.Match[str]], place: int, folding: bool) -> tuple[int, int]:
    """Return the weight of a class in brackets, and the place after its end. ``place`` is after its opening bracket.
    Brackets within it are characters, as in JavaScript."""
    first, weight, properties, foreign = True, _FEW, 0, 0
    while place < len(tokens):
        text, kind = tokens[place][0], tokens[place].lastgroup
        place += 1
        if first and text in ("^", "-"):
            weight += _MOST if text == "^" else 0
            continue
        if text == "]" and not first:
            break
        if kind == "property":
            properties = _PROPERTY
        elif kind == "shorthand":
            weight += _single(text, kind)
        elif kind == "code" or not text.isascii():
            foreign += 1
        first = False
    return weight + properties + (_FOLDED if folding and foreign else foreign), place
