"""Generates one value that a conjunction of schemas allows. The maker generates its parts, goal by goal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from ...contract.pointers import pointer_to
from ...jsontypes import Json
from .conjunction import Conjunction, Goal, Source, expand, same
from .numbers import exact, number
from .patterns import NoInstance, compiled, matching
from .texts import text

# The levels of nested objects that get optional properties; deeper objects only have required ones.
_REACH = 3
_MOST_EXTRA = 2
_MOST_OTHER_ITEMS = 16
_MOST_DEMANDED = 10_000
# 2024-01-01 in UTC, in seconds since 1970.
_NEW_YEAR = 1704067200


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """``dynamic``: random values; else examples and the plainest values. ``optional``: whether optional properties are
    included; None: as `_REACH` specifies, or at random. ``kind``: the type, if there is more than one. ``wide``:
    include negative numbers even if no rule requires them."""

    dynamic: bool
    optional: bool | None = None
    kind: str | None = None
    wide: bool = False


class Maker(Protocol):
    """The interface of `app.documents.samples.instances`: it generates values for goals. ``active`` contains the
    objects in progress, outermost first."""

    source: Source
    rng: Random
    active: list[str]

    def make(self, goal: Goal, level: int = 0) -> Any: ...

    def valid(self, goal: Goal, value: object) -> bool: ...

    def varied(self, dynamic: bool) -> Maker: ...


class Part:
    """Generates one value from the leaves of its goal."""

    def __init__(
        self, maker: Maker, rules: Conjunction, goal: Goal, options: SampleOptions, level: int, tags: Json
    ) -> None:
        self.maker, self.rng, self.options = maker, maker.rng, options
        self.rules, self.goal, self.level, self.tags = rules, goal, level, tags

    def value(self) -> Any:
        if not self.options.dynamic:
            for example in self._examples():
                if self.maker.valid(self.goal, example):
                    return example
        kinds = self.rules.types
        if (values := self.rules.values) is not None:
            fitting = [value for value in values if any(_is(value, kind) for kind in kinds)]
            if not fitting:
                raise NoInstance("fixed values of another type")
            return self.rng.choice(fitting) if self.options.dynamic else fitting[0]
        if self.options.kind is not None:
            return self._of(self.options.kind)
        if self.options.dynamic and len(kinds) < 7:
            return self._of(self.rng.choice([kind for kind in kinds if kind != "null"] or kinds))
        # If any type is allowed, a string is the plainest.
        return self._of("string" if len(kinds) == 7 else next((k for k in kinds if k != "null"), "null"))

    def _examples(self) -> Iterator[Any]:
        for _, node in self.rules.leaves:
            if "example" in node:
                yield node["example"]
            if isinstance(node.get("examples"), list):
                yield from node["examples"]
        yield from self.rules.all("default")

    def _of(self, kind: str) -> Any:
        rules, dynamic = self.rules, self.options.dynamic
        if kind == "object":
            return self._object()
        if kind == "array":
            return self._array()
        if kind == "string":
            longest = rules.least("maxLength")
            return text(
                rules.all("pattern"), rules.all("format"), rules.most("minLength"), longest, self.rng, dynamic=dynamic
            )
        if kind in ("integer", "number"):
            steps = [exact(step) for step in rules.all("multipleOf")]
            if "unixtime" in rules.all("format") and not steps:
                moment = _NEW_YEAR + (self.rng.randrange(10**8) if dynamic else 0)
                if rules.range.has(exact(moment)):
                    return moment
            return number(
                rules.range, steps, self.rng, integer=kind == "integer", dynamic=dynamic, wide=self.options.wide
            )
        if kind == "boolean":
            return self.rng.random() < 0.5 if dynamic else True
        return None

    def _object(self) -> Json:
        maker, rules = self.maker, self.rules
        own = [pointer for pointer, node in rules.leaves if node.get("properties")]
        rich = len(maker.active) < _REACH and not any(pointer in maker.active for pointer in own)
        # One entry per object, however many leaves it has.
        maker.active.append(own[0] if own else "")
        try:
            found: Json = {}
            for name in self._names(rich):
                self._put(found, name)
            self._follow(found)
            self._fill(found)
        finally:
            maker.active.pop()
        return found

    def _names(self, rich: bool) -> list[str]:
        rules, wanted = self.rules, self.options.optional
        optional = [name for name in rules.declared if name not in rules.required and name not in rules.forbidden]
        if wanted is None:
            if not rich:
                optional = []
            elif self.options.dynamic:
                optional = [name for name in optional if self.rng.random() < 0.6]
        elif not wanted or not rich:
            optional = []
        if (most := rules.least("maxProperties")) is not None:
            optional = optional[: max(int(most) - len(rules.required), 0)]
        chosen = {*rules.required, *optional}
        return [name for name in (*rules.declared, *rules.required) if name in chosen]

    def _put(self, found: Json, name: str) -> None:
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

    def _follow(self, found: Json) -> None:
        """Add the properties that are required because others are present."""
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
                    part = Part(self.maker, rules, goal, self.options, self.level, {**self.tags, **tags})
                    for other in rules.required:
                        part._put(found, other)

    def _fill(self, found: Json) -> None:
        """Add properties: declared ones until there are enough, then others, as many as the options require."""
        rules = self.rules
        fewest, most = rules.most("minProperties"), rules.least("maxProperties")
        for name in rules.declared:
            if len(found) < fewest and name not in rules.forbidden:
                self._put(found, name)
        if fewest > _MOST_DEMANDED:
            raise NoInstance("more properties than can be sent")
        wanted = fewest
        free = [node for extra in ("additionalProperties", "patternProperties") for node in rules.all(extra)]
        random = self.options.dynamic and self.options.optional is None
        if random and any(isinstance(node, dict) and node for node in free):
            wanted = max(wanted, len(found) + self.rng.randint(0, _MOST_EXTRA))
        if most is not None:
            wanted = min(wanted, most)
        for index in range(8 * (wanted - len(found))):
            if len(found) >= wanted:
                return
            name = self._new_name(index)
            if name in found or name in rules.declared:
                continue
            with contextlib.suppress(NoInstance):
                found[name] = self.maker.make(rules.property_goal(name), self.level + 1)

    def _new_name(self, index: int) -> str:
        patterns = [pattern for rule in self.rules.all("patternProperties") for pattern in rule]
        if names := tuple(self.rules.pointers("propertyNames")):
            name = self.maker.varied(index > 0).make(names, self.level + 1)
            return str(name)
        plain = f"property{index + 1}"
        if not patterns or index % 2:
            return plain
        pattern = patterns[index // 2 % len(patterns)]
        name = next(matching(pattern, self.rng), plain)
        # Append the index to make the name unique, if the pattern allows it.
        return f"{name}{index}" if index and compiled(pattern).search(f"{name}{index}") else name

    def _array(self) -> list[Any]:
        rules, maker = self.rules, self.maker
        fewest, most = int(rules.most("minItems")), rules.least("maxItems")
        if fewest > _MOST_DEMANDED:
            raise NoInstance("more items than can be sent")
        tuples = max((len(items) for items in rules.all("prefixItems")), default=0)
        unmet = {f"{at}/contains": int(node.get("minContains", 1)) for at, node in rules.leaves if "contains" in node}
        needed = max(fewest, *unmet.values()) if unmet else fewest
        deep = len(maker.active) > _REACH or self.options.optional is False
        usual = max(tuples, self.rng.randint(1, 3) if self.options.dynamic else 1)
        wanted = needed if deep else max(needed, usual)
        wanted = wanted if most is None else max(min(wanted, int(most)), needed)
        distinct = any(rule is True for rule in rules.all("uniqueItems"))
        found: list[Any] = []
        seen: set[str] = set()
        while len(found) < wanted or any(count > 0 for count in unmet.values()):
            if len(found) >= (needed + _MOST_OTHER_ITEMS if most is None else most):
                raise NoInstance("no room for what must be contained")
            owed = tuple(pointer for pointer, count in unmet.items() if count > 0)
            try:
                item = self._placed(rules.item_goal(len(found)), owed, seen if distinct else set())
            except NoInstance:
                if len(found) < needed or owed:
                    raise
                break
            found.append(item)
            seen.add(same(item))
            for pointer in owed:
                unmet[pointer] -= maker.valid((pointer,), item)
        return found

    def _placed(self, goal: Goal, owed: Goal, seen: set[str]) -> Any:
        """Return an item for ``goal`` that also matches all of the ``contains`` schemas in ``owed``; if there is none,
        one that matches one of them, else none of them."""
        for extra in dict.fromkeys((owed, *((pointer,) for pointer in owed), ())):
            try:
                return self._item((*goal, *extra), seen)
            except NoInstance:
                if not extra:
                    raise
        raise NoInstance

    def _item(self, goal: Goal, seen: set[str]) -> Any:
        item = self.maker.make(goal, self.level + 1)
        if same(item) not in seen:
            return item
        others = self.maker.varied(True)
        for _ in range(50):
            item = others.make(goal, self.level + 1)
            if same(item) not in seen:
                return item
        raise NoInstance("not enough different items")


def _is(value: object, kind: str) -> bool:
    if kind in ("integer", "number"):
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return not isinstance(value, bool) and (whole if kind == "integer" else isinstance(value, (int, float)))
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, types.get(kind, ()))
