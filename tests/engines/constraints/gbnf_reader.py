"""Grammars in GBNF for the tests: read as llama.cpp reads them, and asked for texts and of texts."""

from __future__ import annotations

import functools
import random
import re
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

_NAME = re.compile(r"[a-zA-Z0-9-]+")
_COUNT = re.compile(r"\{(\d+)(,(\d*))?\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}
_CODES = {"x": 2, "u": 4, "U": 8}
# llama.cpp's own bound.
_MOST_REPEATS = 2_000
# From here on a drawn text is brought to its end.
_DEEP = 300


@dataclass(frozen=True, slots=True)
class Item:
    """Ranges of characters or, as text, a rule; so often. ``most`` is None where there is no bound."""

    of: Any
    least: int = 1
    most: int | None = 1


class GbnfReader:
    """A grammar.

    Raises:
        ValueError: llama.cpp would not take it, or take it for something else.
    """

    def __init__(self, text: str) -> None:
        self._rules: dict[str, list[tuple[Item, ...]]] = {}
        for line in text.splitlines():
            name, _, body = line.partition(" ::= ")
            if not _NAME.fullmatch(name) or name in self._rules:
                raise ValueError(line)
            self._rules[name] = _branches(body)
        for name, branches in self._rules.items():
            for item in (item for branch in branches for item in branch):
                if isinstance(item.of, str) and item.of not in self._rules:
                    raise ValueError(f"{name} leads to {item.of}, which is not there")
        self._heights = self._measure()
        self._refuse_loops()

    def draw(self, chance: random.Random) -> str:
        """A text of the grammar."""
        texts: list[str] = []
        left: list[tuple[Item, int]] = [(Item("root"), 0)]
        while left:
            item, depth = left.pop()
            hurries = depth > _DEEP or len(texts) + len(left) > _DEEP
            count = item.least
            if not hurries:
                wide = item.least + 3 if chance.random() < 0.95 else item.least + 30
                count = chance.randint(item.least, wide if item.most is None else min(wide, item.most))
                # At its bounds a repetition is most likely to be wrong.
                count = item.most if item.most is not None and chance.random() < 0.05 else count
            for _ in range(count):
                if isinstance(item.of, str):
                    branches = self._rules[item.of]
                    branch = min(branches, key=self._height) if hurries else chance.choice(branches)
                    left += [(inner, depth + 1) for inner in branch[::-1]]
                else:
                    low, high = chance.choice(item.of)
                    texts.append(chr(chance.choice((low, high, chance.randint(low, high)))))
        return "".join(texts)

    def accepts(self, text: str) -> bool:
        """Whether a text is one of the grammar."""
        stacks = self._spread({(Item("root"), None)})
        for sign in text:
            following = {
                stack[1] for stack in stacks if stack and any(low <= ord(sign) <= high for low, high in stack[0].of)
            }
            stacks = self._spread(following)
        return None in stacks

    def _spread(self, stacks: set[Any]) -> set[Any]:
        """The stacks with a character on top, or nothing, to which some lead."""
        seen, left = set(stacks), list(stacks)
        found = set()
        while left:
            stack = left.pop()
            if stack is None or (not isinstance(stack[0].of, str) and (stack[0].least, stack[0].most) == (1, 1)):
                found.add(stack)
                continue
            for following in self._followed(*stack):
                if following not in seen:
                    seen.add(following)
                    left.append(following)
        return found

    def _followed(self, item: Item, rest: Any) -> list[Any]:
        if (item.least, item.most) == (1, 1):
            return [functools.reduce(lambda under, inner: (inner, under), b[::-1], rest) for b in self._rules[item.of]]
        skipped = [] if item.least else [rest]
        if item.most == 0:
            return skipped
        less = Item(item.of, max(0, item.least - 1), None if item.most is None else item.most - 1)
        return [*skipped, (Item(item.of), (less, rest))]

    def _measure(self) -> dict[str, int]:
        """How many rules lie in each other, at least, in a text of each rule; there is none of what is not listed."""
        heights: dict[str, int] = {}
        for _ in self._rules:
            found = {}
            for name, branches in self._rules.items():
                known = [h for h in (_highest(branch, heights) for branch in branches) if h is not None]
                if known:
                    found[name] = 1 + min(known)
            if found == heights:
                break
            heights = found
        for name, branches in self._rules.items():
            if name not in heights or any(_highest(branch, heights) is None for branch in branches):
                raise ValueError(f"{name} has no end")
        return heights

    def _height(self, branch: tuple[Item, ...]) -> int:
        return _highest(branch, self._heights) or 0

    def _refuse_loops(self) -> None:
        """Refuse rules that lead to themselves before any character."""
        empty: set[str] = set()
        while True:
            more = {
                name
                for name, branches in self._rules.items()
                if any(all(item.of in empty or not item.least for item in branch) for branch in branches)
            }
            if more == empty:
                break
            empty = more
        first: dict[str, set[str]] = {name: set() for name in self._rules}
        for name, branches in self._rules.items():
            for branch in branches:
                for item in branch:
                    if isinstance(item.of, str):
                        first[name].add(item.of)
                        if item.most != 1 and item.of in empty:
                            raise ValueError(f"{name} repeats nothing")
                    if item.of not in empty and item.least:
                        break
        TopologicalSorter(first).prepare()


def _highest(branch: tuple[Item, ...], heights: dict[str, int]) -> int | None:
    needed = [item.of for item in branch if isinstance(item.of, str) and item.least]
    return max((heights[name] for name in needed), default=0) if heights.keys() >= set(needed) else None


def _branches(body: str) -> list[tuple[Item, ...]]:
    branches: list[tuple[Item, ...]] = []
    items: list[Item] = []
    place = 0
    while place < len(body):
        sign = body[place]
        if sign == "|":
            branches.append(tuple(items))
            items = []
        elif sign == '"':
            place += 1
            while body[place] != '"':
                code, place = _character(body, place)
                items.append(Item(((code, code),)))
        elif sign == "[":
            ranges, place = _class(body, place + 1)
            items.append(Item(ranges))
        elif name := _NAME.match(body, place):
            least, most, place = _repetition(body, name.end())
            items.append(Item(name[0], least, most))
            continue
        elif sign != " ":
            raise ValueError(body[place:])
        place += 1
    return [*branches, tuple(items)]


def _class(body: str, place: int) -> tuple[tuple[tuple[int, int], ...], int]:
    ranges = []
    if body[place] in "^]":
        raise ValueError(body)
    while body[place] != "]":
        low, place = _character(body, place)
        high = low
        if body[place] == "-" and body[place + 1] != "]":
            high, place = _character(body, place + 1)
        if high < low:
            raise ValueError(body)
        ranges.append((low, high))
    return tuple(ranges), place


def _character(body: str, place: int) -> tuple[int, int]:
    if body[place] != "\\":
        return ord(body[place]), place + 1
    kind = body[place + 1]
    if kind in _CODES:
        end = place + 2 + _CODES[kind]
        return int(body[place + 2 : end], 16), end
    return ord(_ESCAPES[kind]), place + 2


def _repetition(body: str, place: int) -> tuple[int, int | None, int]:
    sign = body[place : place + 1]
    if sign and sign in "*+?":
        return int(sign == "+"), 1 if sign == "?" else None, place + 1
    count = _COUNT.match(body, place)
    if not count:
        return 1, 1, place
    least = int(count[1])
    most = least if not count[2] else int(count[3]) if count[3] else None
    if max(least, most or 0) > _MOST_REPEATS:
        raise ValueError(count[0])
    return least, most, count.end()
