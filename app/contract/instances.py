"""Makes a value for a goal (see `conjunction`): one attempt, which may fail or give something that does not fit.

Where it is ``careful``, each part is held against the validators as soon as it is made, and other branches and other
values are tried until it fits; else only the first that comes is taken, which is most often right and much faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from .conjunction import Conjunction, Goal, Leaf, Source, expand, kinds, same
from .document import pointer_to
from .numbers import exact, number
from .patterns import NoInstance, matching
from .texts import text

# Objects inside each other that show their optional properties; deeper ones have what they must have.
_REACH = 3
# Levels after which the flattest branch of a union is taken.
_DEEP = 6
_DEEPEST = 40
_MOST_BRANCHES = 80
_MOST_EXTRA = 2


class Exhausted(Exception):
    """An attempt has taken too long."""


@dataclass(frozen=True, slots=True)
class Taste:
    """``dynamic``: random values, else examples and the plainest ones. ``optional``: whether properties that are not
    required are there; None: as `_REACH` has it, or by dice."""

    dynamic: bool
    optional: bool | None = None


class Maker:
    """``fits`` holds a value against the schema at a pointer; ``seconds`` is how long one maker may take in all."""

    def __init__(
        self,
        source: Source,
        fits: Callable[[str, Any], bool],
        taste: Taste,
        dice: Random,
        *,
        careful: bool,
        seconds: float = 1.0,
    ) -> None:
        self.source, self.fits, self.taste, self.dice, self.careful = source, fits, taste, dice, careful
        self._deadline = time.monotonic() + seconds
        self._active: list[str] = []

    def make(self, goal: Goal, level: int = 0) -> Any:
        """A value for a goal.

        Raises:
            NoInstance: none was found.
            Exhausted: it took too long.
        """
        if level > _DEEPEST:
            raise NoInstance("the value would be nested too deeply")
        tastes = self._tastes() if self.careful else (self.taste,)
        for choices in _Choices.all(self, level):
            leaves: list[Leaf] = []
            tags: dict[str, Any] = {}
            for taste in tastes:
                if time.monotonic() > self._deadline:
                    raise Exhausted
                try:
                    if not leaves:
                        leaves, tags = expand(self.source, goal, choices.choose)
                    value = _Part(self, Conjunction(self.source, leaves), goal, taste, level, tags).value()
                except NoInstance:
                    continue
                if not self.careful or self.valid(goal, value):
                    return value
        raise NoInstance("no value was found that fits")

    def valid(self, goal: Goal, value: Any) -> bool:
        return all(self.fits(pointer, value) for pointer in goal)

    def _tastes(self) -> Iterator[Taste] | tuple[Taste, ...]:
        taste = self.taste
        return (
            taste,
            replace(taste, optional=False),
            replace(taste, dynamic=True, optional=True),
            replace(taste, dynamic=True, optional=False),
            replace(taste, dynamic=True),
        )


class _Choices:
    """The branches that are taken while a goal is expanded: ``script`` has the first ones, then comes the best."""

    def __init__(self, maker: Maker, level: int, script: Sequence[int]) -> None:
        self.maker, self.level, self.script = maker, level, script
        self.taken: list[int] = []
        self.counts: list[int] = []
        self._known: dict[tuple[str, ...], str] = {}

    @classmethod
    def all(cls, maker: Maker, level: int) -> Iterator[_Choices]:
        """One after the other, like an odometer."""
        script: list[int] = []
        for _ in range(_MOST_BRANCHES):
            choices = cls(maker, level, script)
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
            self._known[key] = self._ranked(branches)[index]
        return self._known[key]

    def _ranked(self, branches: Sequence[str]) -> list[str]:
        if branches[0].endswith("/then"):
            return list(branches)
        source = self.maker.source
        ranked = list(branches)
        if self.maker.taste.dynamic and not self.script:
            self.maker.dice.shuffle(ranked)
        deep = self.level >= _DEEP
        return sorted(ranked, key=lambda b: (self._height(b) if deep else 0, _is_null(source.node(b))))

    def _height(self, branch: str) -> int:
        try:
            return self.maker.source.height(branch)
        except NoInstance:
            return _DEEPEST


def _is_null(node: Any) -> bool:
    return isinstance(node, dict) and kinds(node) == ["null"]


class _Part:
    """One value, of the leaves of its goal."""

    def __init__(
        self, maker: Maker, rules: Conjunction, goal: Goal, taste: Taste, level: int, tags: dict[str, Any]
    ) -> None:
        self.maker, self.rules, self.goal, self.taste, self.level, self.tags = maker, rules, goal, taste, level, tags
        self.dice = maker.dice

    def value(self) -> Any:
        if not self.taste.dynamic:
            for example in self._examples():
                if self.maker.valid(self.goal, example):
                    return example
        kinds = self.rules.types
        if (values := self.rules.values) is not None:
            fitting = [value for value in values if any(_is(value, kind) for kind in kinds)]
            if not fitting:
                raise NoInstance("fixed values of another type")
            return self.dice.choice(fitting) if self.taste.dynamic else fitting[0]
        if self.taste.dynamic and len(kinds) < 7:
            return self._of(self.dice.choice([kind for kind in kinds if kind != "null"] or kinds))
        # Anything goes: a word is the plainest.
        return self._of("string" if len(kinds) == 7 else next((k for k in kinds if k != "null"), "null"))

    def _examples(self) -> Iterator[Any]:
        for _, node in self.rules.leaves:
            if "example" in node:
                yield node["example"]
            if isinstance(node.get("examples"), list):
                yield from node["examples"]
        yield from self.rules.all("default")

    def _of(self, kind: str) -> Any:
        rules, dynamic = self.rules, self.taste.dynamic
        if kind == "object":
            return self._object()
        if kind == "array":
            return self._array()
        if kind == "string":
            longest = rules.least("maxLength")
            return text(
                rules.all("pattern"), rules.all("format"), rules.most("minLength"), longest, self.dice, dynamic=dynamic
            )
        if kind in ("integer", "number"):
            steps = [exact(step) for step in rules.all("multipleOf")]
            if "unixtime" in rules.all("format") and not dynamic and rules.range.has(exact(1704067200)):
                return 1704067200
            return number(rules.range, steps, self.dice, integer=kind == "integer", dynamic=dynamic)
        if kind == "boolean":
            return self.dice.random() < 0.5 if dynamic else True
        return None

    def _object(self) -> dict[str, Any]:
        maker, rules = self.maker, self.rules
        own = [pointer for pointer, node in rules.leaves if node.get("properties")]
        rich = len(maker._active) < _REACH and not any(pointer in maker._active for pointer in own)
        # One entry an object, however many leaves it has.
        maker._active.append(own[0] if own else "")
        try:
            found: dict[str, Any] = {}
            for name in self._names(rich):
                self._put(found, name)
            self._follow(found)
            self._fill(found)
        finally:
            maker._active.pop()
        return found

    def _names(self, rich: bool) -> list[str]:
        rules, wanted = self.rules, self.taste.optional
        optional = [name for name in rules.declared if name not in rules.required and name not in rules.forbidden]
        if wanted is None:
            if not rich:
                optional = []
            elif self.taste.dynamic:
                optional = [name for name in optional if self.dice.random() < 0.6]
        elif not wanted or not rich:
            optional = []
        if (most := rules.least("maxProperties")) is not None:
            optional = optional[: max(int(most) - len(rules.required), 0)]
        chosen = {*rules.required, *optional}
        return [name for name in (*rules.declared, *rules.required) if name in chosen]

    def _put(self, found: dict[str, Any], name: str) -> None:
        if name in found:
            return
        goal = self.rules.property_goal(name)
        tag = self.tags.get(name)
        try:
            if tag is not None and self.maker.valid(goal, tag):
                found[name] = tag
            else:
                found[name] = self.maker.make(goal, self.level + 1)
        except NoInstance:
            if name in self.rules.required:
                raise

    def _follow(self, found: dict[str, Any]) -> None:
        """What must be there because something else is."""
        for rule in self.rules.all("dependentRequired"):
            for name, names in rule.items():
                if name in found:
                    for other in names:
                        self._put(found, other)
        for pointer, node in self.rules.leaves:
            for name in node.get("dependentSchemas") or {}:
                at = pointer + pointer_to("dependentSchemas", name)
                if name in found and at not in self.goal:
                    goal = (*self.goal, at)
                    leaves, tags = expand(self.maker.source, goal, lambda branches: branches[0])
                    rules = Conjunction(self.maker.source, leaves)
                    part = _Part(self.maker, rules, goal, self.taste, self.level, {**self.tags, **tags})
                    for other in rules.required:
                        part._put(found, other)

    def _fill(self, found: dict[str, Any]) -> None:
        """More properties: declared ones until there are enough, then others, as many as the taste asks for."""
        rules = self.rules
        fewest, most = rules.most("minProperties"), rules.least("maxProperties")
        for name in rules.declared:
            if len(found) < fewest and name not in rules.forbidden:
                self._put(found, name)
        wanted = fewest
        free = [node for extra in ("additionalProperties", "patternProperties") for node in rules.all(extra)]
        if self.taste.dynamic and any(isinstance(node, dict) and node for node in free) and self.taste.optional is None:
            wanted = max(wanted, len(found) + self.dice.randint(0, _MOST_EXTRA))
        if most is not None:
            wanted = min(wanted, most)
        for index in range(4 * (wanted - len(found))):
            if len(found) >= wanted:
                return
            name = self._new_name(index)
            if name in found or name in rules.declared:
                continue
            try:
                found[name] = self.maker.make(rules.property_goal(name), self.level + 1)
            except NoInstance:
                if index > 40:
                    break

    def _new_name(self, index: int) -> str:
        patterns = [pattern for rule in self.rules.all("patternProperties") for pattern in rule]
        if names := tuple(self.rules.pointers("propertyNames")):
            name = replace_maker(self.maker, dynamic=index > 0).make(names, self.level + 1)
            return str(name)
        if patterns:
            return next(matching(patterns[index % len(patterns)], self.dice), f"property{index + 1}")
        return f"property{index + 1}"

    def _array(self) -> list[Any]:
        rules, maker = self.rules, self.maker
        fewest, most = int(rules.most("minItems")), rules.least("maxItems")
        tuples = max((len(items) for items in rules.all("prefixItems")), default=0)
        contained = [
            (f"{pointer}/contains", int(node.get("minContains", 1)))
            for pointer, node in rules.leaves
            if "contains" in node
        ]
        needed = max(fewest, *(count for _, count in contained)) if contained else fewest
        deep = len(maker._active) > _REACH or self.taste.optional is False
        usual = max(tuples, self.dice.randint(0, 3) if self.taste.dynamic else 1)
        wanted = needed if deep else max(needed, usual)
        wanted = wanted if most is None else max(min(wanted, int(most)), needed)
        distinct = any(rule is True for rule in rules.all("uniqueItems"))
        found: list[Any] = []
        seen: set[str] = set()
        for index in range(wanted):
            extra = tuple(pointer for pointer, count in contained if index < count)
            try:
                item = self._item((*rules.item_goal(index), *extra), seen if distinct else set())
            except NoInstance:
                if index < needed:
                    raise
                break
            found.append(item)
            seen.add(same(item))
        return found

    def _item(self, goal: Goal, seen: set[str]) -> Any:
        item = self.maker.make(goal, self.level + 1)
        if same(item) not in seen:
            return item
        others = replace_maker(self.maker, dynamic=True)
        for _ in range(50):
            item = others.make(goal, self.level + 1)
            if same(item) not in seen:
                return item
        raise NoInstance("not enough different items")


def replace_maker(maker: Maker, *, dynamic: bool) -> Maker:
    """The same maker, within the same time, with another taste."""
    other = Maker(
        maker.source,
        maker.fits,
        replace(maker.taste, dynamic=dynamic or maker.taste.dynamic),
        maker.dice,
        careful=maker.careful,
    )
    other._deadline, other._active = maker._deadline, maker._active
    return other


def _is(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return not isinstance(value, bool) and (whole if kind == "integer" else isinstance(value, (int, float)))
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, types.get(kind, ()))
