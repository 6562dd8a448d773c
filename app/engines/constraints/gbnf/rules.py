"""The rules of a grammar in GBNF while it is made, and its text.

llama.cpp writes out what is repeated up to some thousand times, makes more an endless repetition without a word, hangs
on rules that lead to themselves before a character, and lets a model go where no text can end. None of this gets past
here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from .expressions import Ranges, Unsayable

LONGEST = 500_000  # characters of a grammar
# Repetitions of all rules together, as llama.cpp writes each of them out.
MOST_REPEATS = 200_000
# What it may take to make the automata of all rules, some four to a microsecond.
_MOST_STEPS = 1_500_000
# llama.cpp has 2,000 for one repetition.
_BLOCK = 500


@dataclass(frozen=True, slots=True)
class Ref:
    """A rule, repeated so often; ``most`` is None where there is no bound."""

    name: str
    least: int = 1
    most: int | None = 1


# A text, some characters, or a rule.
Item = str | Ranges | Ref
Branches = list[tuple[Item, ...]]


class Rules:
    """Rules by name. Those that are made with `named` are the same ones where they say the same."""

    def __init__(self) -> None:
        self._rules: dict[str, Branches] = {}
        self._same: dict[tuple[tuple[Item, ...], ...], str] = {}
        self._size = 0
        self._repeats = 0
        self._steps = 0

    def spend(self, steps: int) -> None:
        """Count what was made for the rules.

        Raises:
            Unsayable: it takes too long.
        """
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise Unsayable

    def reserve(self) -> str:
        """The name of a rule that is to be `put`."""
        name = f"r{len(self._rules)}"
        self._rules[name] = []
        return name

    def put(self, name: str, branches: Branches) -> None:
        """Say what a rule is.

        Raises:
            Unsayable: there is too much in it, with all others.
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
        """A rule from ``least`` to ``most`` times, in blocks where these are many.

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
        """One of some texts, which share what they begin with: of a thousand that were looked at one by one, each token
        would take long."""
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
        """The grammar of which all texts are those of a rule; None: there are none."""
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
        """The rules that have a text with an end."""
        ending: set[str] = set()
        left: list[str] = []
        # Each branch, as its rule and what it still waits for, by each of the rules that it waits for.
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
    """A branch without what has no end; None: it has none itself."""
    if all(item.name in ending for item in branch if isinstance(item, Ref)):
        return branch
    if any(item.name not in ending for item in branch if isinstance(item, Ref) and item.least):
        return None
    return tuple(item for item in branch if not isinstance(item, Ref) or item.name in ending)


class _Tree(dict[str, "_Tree"]):
    """Texts by what they begin with; one ends where there is an empty edge."""


def _run(text: str, child: _Tree) -> tuple[str, _Tree]:
    """The text from an edge of a tree to where it parts or ends, and what follows."""
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
    """A character between brackets."""
    if chr(code).isascii() and (chr(code).isalnum() or chr(code) in " !#$%&'()*+,./:;<=>?@_`{|}~"):
        return chr(code)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def json_text(value: object) -> str:
    """A value as models write it; what UTF-8 cannot say is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if any("\ud800" <= sign <= "\udfff" for sign in text) else text
