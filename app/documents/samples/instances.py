"""Generates a value for a goal (see `conjunction`): one attempt, which may fail or return an invalid value.

If it is ``careful``, each part is validated as soon as it is generated, and other branches and values are tried until
it is valid. Else the first value is taken, which is usually valid and much faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from .conjunction import Conjunction, Goal, Source, expand, kinds
from .parts import Part, SampleOptions
from .patterns import NoInstance

# From this level on, the flattest branch of a union is taken.
_DEEP = 6
_DEEPEST = 40
_MOST_BRANCHES = 80


class Exhausted(Exception):
    """An attempt took too long."""


class SampleMaker:
    """``fits`` validates a value against the schema at a pointer; ``seconds`` is the maker's total time limit."""

    def __init__(
        self,
        source: Source,
        fits: Callable[[str, Any], bool],
        options: SampleOptions,
        rng: Random,
        *,
        careful: bool,
        seconds: float = 1.0,
    ) -> None:
        self.source, self.fits, self.options, self.rng, self.careful = source, fits, options, rng, careful
        self._deadline = time.monotonic() + seconds
        self.active: list[str] = []

    def make(self, goal: Goal, level: int = 0) -> Any:
        """Return a value for a goal.

        Raises:
            NoInstance: none was found.
            Exhausted: it took too long.
        """
        if level > _DEEPEST:
            raise NoInstance("the value would be nested too deeply")
        for choices in _Choices.all(self, level):
            try:
                leaves, tags = expand(self.source, goal, choices.choose)
                rules = Conjunction(self.source, leaves)
                variations = self._variations(rules.types) if self.careful else (self.options,)
            except NoInstance:
                continue
            for options in variations:
                if time.monotonic() > self._deadline:
                    raise Exhausted
                try:
                    value = Part(self, rules, goal, options, level, tags).value()
                except NoInstance:
                    continue
                if not self.careful or self.valid(goal, value):
                    return value
        raise NoInstance("no value was found that fits")

    def valid(self, goal: Goal, value: object) -> bool:
        return all(self.fits(pointer, value) for pointer in goal)

    def varied(self, dynamic: bool) -> SampleMaker:
        """Return a copy of the maker with the same deadline, which uses random values if ``dynamic``."""
        options = replace(self.options, dynamic=dynamic or self.options.dynamic)
        other = SampleMaker(self.source, self.fits, options, self.rng, careful=self.careful)
        other._deadline, other.active = self._deadline, self.active
        return other

    def _variations(self, kinds: Sequence[str]) -> tuple[SampleOptions, ...]:
        options = self.options
        others = kinds if len(kinds) > 1 else ()
        return (
            options,
            replace(options, optional=False),
            replace(options, dynamic=True, optional=True),
            replace(options, dynamic=True, optional=False),
            replace(options, dynamic=True, wide=True),
            *(replace(options, kind=kind) for kind in others),
            *(replace(options, kind=kind, dynamic=True, wide=True) for kind in others),
        )


class _Choices:
    """The branches that are taken while a goal is expanded: first those in ``script``, then the best ones."""

    def __init__(
        self, maker: SampleMaker, level: int, script: Sequence[int], ranked: dict[tuple[str, ...], list[str]]
    ) -> None:
        self.maker, self.level, self.script, self.ranked = maker, level, script, ranked
        self.taken: list[int] = []
        self.counts: list[int] = []
        self._known: dict[tuple[str, ...], str] = {}

    @classmethod
    def all(cls, maker: SampleMaker, level: int) -> Iterator[_Choices]:
        """Yield all combinations of choices one after the other, like an odometer, up to a limit."""
        script: list[int] = []
        ranked: dict[tuple[str, ...], list[str]] = {}
        for _ in range(_MOST_BRANCHES):
            choices = cls(maker, level, script, ranked)
            yield choices
            taken, counts = choices.taken, choices.counts
            while taken and taken[-1] + 1 >= counts[len(taken) - 1]:
                taken.pop()
            if not taken:
                return
            script = [*taken[:-1], taken[-1] + 1]

    def choose(self, branches: Sequence[str]) -> str:
        key = tuple(branches)
        if key not in self._known:
            place = len(self.taken)
            index = self.script[place] if place < len(self.script) else 0
            self.taken.append(index)
            self.counts.append(len(branches))
            if key not in self.ranked:
                self.ranked[key] = self._rank(branches)
            self._known[key] = self.ranked[key][index]
        return self._known[key]

    def _rank(self, branches: Sequence[str]) -> list[str]:
        if branches[0].endswith("/then"):
            return list(branches)
        source = self.maker.source
        ranked = list(branches)
        if self.maker.options.dynamic:
            self.maker.rng.shuffle(ranked)
        deep = self.level >= _DEEP
        return sorted(ranked, key=lambda b: (self._height(b) if deep else 0, _is_null(source.node(b))))

    def _height(self, branch: str) -> int:
        try:
            return self.maker.source.height(branch)
        except NoInstance:
            return _DEEPEST


def _is_null(node: object) -> bool:
    return isinstance(node, dict) and kinds(node) == ["null"]
