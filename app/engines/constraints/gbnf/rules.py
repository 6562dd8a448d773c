"""The rules of a grammar in GBNF while it is built, and its text.

llama.cpp expands repetitions up to some thousand times, and silently turns larger ones into unlimited repetitions. It
hangs on rules that lead to themselves before a character, and lets a model enter states from which no text can end.
This module prevents all of this.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from .expressions import Ranges, Unsayable

LONGEST = 500_000  # characters of a grammar
# Repetitions of all rules together, because llama.cpp expands each of them.
MOST_REPEATS = 200_000
# The maximum cost of building the automata of all rules, in steps; about four take a microsecond.
_MOST_STEPS = 1_500_000
# llama.cpp's own limit is 2,000 for one repetition.
_BLOCK = 500


@dataclass(frozen=True, slots=True)
class Ref:
    """A rule, repeated ``least`` to ``most`` times; ``most`` is None if there is no limit."""

    name: str
    least: int = 1
    most: int | None = 1


# A text, a class of characters, or a rule.
Item = str | Ranges | Ref
Branches = list[tuple[Item, ...]]


class Rules:
    """Rules by name. Rules that are created with `named` are shared if they are equal."""

    def __init__(self) -> None:
        self._rules: dict[str, Branches] = {}
        self._same: dict[tuple[tuple[Item, ...], ...], str] = {}
        self._size = 0
        self._repeats = 0
        self._steps = 0

    def spend(self, steps: int) -> None:
        """Count the steps that were spent on the rules.

        Raises:
            Unsayable: there are too many.
        """
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise Unsayable

    def reserve(self) -> str:
        """Return the name of a new rule, to be set with `put`."""
        name = f"r{len(self._rules)}"
        self._rules[name] = []
        return name

    def put(self, name: str, branches: Branches) -> None:
        """Set the branches of a rule.

        Raises:
            Unsayable: all rules together are too large.
        """
        self._rules[name] = branches
        for branch in branches:
            self._size += 4 + sum(_length(item) for item in branch)
        if self._size > LONGEST:
            raise Unsayable

    def named(self, branches: Branches) -> Ref:
        key = tuple(branches)
        if key not in self._same:
            self._same[key] = self.reserve()
            self.put(self._same[key], branches)
        return Ref(self._same[key])

    def repeated(self, rule: Ref, least: int, most: int | None) -> tuple[Item, ...]:
        """Return a rule repeated from ``least`` to ``most`` times, in blocks if these are large.

        Raises:
            Unsayable: as `put`.
        """
        self._repeats += min(least, 2 * _BLOCK) + min((most or least) - least, 2 * _BLOCK) if most != least else least
        if self._repeats > MOST_REPEATS:
            raise Unsayable
        if most is None:
            return (*self._exactly(rule, least), Ref(rule.name, 0, None))
        return (*self._exactly(rule, least), *self._up_to(rule, most - least))

    def _exactly(self, rule: Ref, count: int) -> tuple[Item, ...]:
        if count < 2 * _BLOCK:
            return (Ref(rule.name, count, count),) if count else ()
        blocks, rest = divmod(count, _BLOCK)
        return (Ref(self._block(rule).name, blocks, blocks), *self._exactly(rule, rest))

    def _up_to(self, rule: Ref, count: int) -> tuple[Item, ...]:
        if count < 2 * _BLOCK:
            return (Ref(rule.name, 0, count),) if count else ()
        blocks = count // _BLOCK - 1
        return (Ref(self._block(rule).name, 0, blocks), Ref(rule.name, 0, count - blocks * _BLOCK))

    def _block(self, rule: Ref) -> Ref:
        return self.named([(Ref(rule.name, _BLOCK, _BLOCK),)])

    def choice_of(self, texts: Iterable[str]) -> Ref:
        """Return the rule for one of some texts, built as a prefix tree. If a thousand texts were tried one by one,
        each token would take long."""
        tree = _Tree()
        for text in texts:
            node = tree
            for sign in text:
                node = node.setdefault(sign, _Tree())
            node[""] = _Tree()
        made: dict[int, Ref] = {}
        left = [tree]
        while left:
            edges = [_run(sign, child) for sign, child in left[-1].items()]
            missing = [child for _, child in edges if child and id(child) not in made]
            if missing:
                left += missing
            else:
                branches: Branches = [(text, made[id(child)]) if child else (text,) for text, child in edges]
                made[id(left.pop())] = self.named(branches)
        return made[id(tree)]

    def text(self, root: str) -> str | None:
        """Return the grammar whose texts are those of a rule; None: the rule has no texts."""
        ending = self._ending()
        if root not in ending:
            return None
        kept: dict[str, Branches] = {}
        left = [root]
        while left:
            name = left.pop()
            if name not in kept:
                kept[name] = [found for branch in self._rules[name] if (found := _reduced(branch, ending)) is not None]
                left += [item.name for branch in kept[name] for item in branch if isinstance(item, Ref)]
        lines = [f"root ::= {root}", *(f"{name} ::= {_branches(found)}" for name, found in kept.items())]
        text = "\n".join(lines) + "\n"
        if len(text) > LONGEST:
            raise Unsayable
        return text

    def _ending(self) -> set[str]:
        """Return the rules that have a finite text."""
        ending: set[str] = set()
        left: list[str] = []
        # The key is a rule; the values are the branches that wait for it: their rule, and all rules they wait for.
        waiting: dict[str, list[tuple[str, set[str]]]] = {}
        for name, branches in self._rules.items():
            for branch in branches:
                needed = {item.name for item in branch if isinstance(item, Ref) and item.least}
                for rule in needed:
                    waiting.setdefault(rule, []).append((name, needed))
                if not needed:
                    left.append(name)
        while left:
            rule = left.pop()
            if rule not in ending:
                ending.add(rule)
                for name, needed in waiting.get(rule, ()):
                    needed.discard(rule)
                    if not needed:
                        left.append(name)
        return ending


def _reduced(branch: tuple[Item, ...], ending: set[str]) -> tuple[Item, ...] | None:
    """Return a branch without items that have no finite text; None: the branch itself has none."""
    if all(item.name in ending for item in branch if isinstance(item, Ref)):
        return branch
    if any(item.name not in ending for item in branch if isinstance(item, Ref) and item.least):
        return None
    return tuple(item for item in branch if not isinstance(item, Ref) or item.name in ending)


class _Tree(dict[str, "_Tree"]):
    """A prefix tree of texts. An empty edge marks the end of a text."""


def _run(text: str, child: _Tree) -> tuple[str, _Tree]:
    """Return the text from an edge of a tree to the next branching or end, and the tree that follows."""
    while len(child) == 1:
        ((sign, child),) = child.items()
        text += sign
    return text, child


def _length(item: Item) -> int:
    if isinstance(item, str):
        return len(item) + 3
    return len(item.name) + 8 if isinstance(item, Ref) else 10 * len(item) + 3


def _branches(branches: Branches) -> str:
    return " | ".join(" ".join(map(_item, branch)) or '""' for branch in branches)


def _item(item: Item) -> str:
    if isinstance(item, str):
        return '"' + "".join(_in_text(sign) for sign in item) + '"'
    if not isinstance(item, Ref):
        return "[" + "".join(_code(a) if a == b else f"{_code(a)}-{_code(b)}" for a, b in item) + "]"
    if item.most is None:
        return item.name + {0: "*", 1: "+"}.get(item.least, f"{{{item.least},}}")
    if item.least == item.most:
        return item.name if item.least == 1 else f"{item.name}{{{item.least}}}"
    return item.name + ("?" if (item.least, item.most) == (0, 1) else f"{{{item.least},{item.most}}}")


def _in_text(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    return sign if sign.isprintable() else _code(ord(sign))


def _code(code: int) -> str:
    """Return a character as it is written between brackets."""
    if chr(code).isascii() and (chr(code).isalnum() or chr(code) in " !#$%&'()*+,./:;<=>?@_`{|}~"):
        return chr(code)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def json_text(value: object) -> str:
    """Return a value as JSON, as models write it. If UTF-8 cannot encode it, it is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if any("\ud800" <= sign <= "\udfff" for sign in text) else text
