"""Validates values against a schema that a client sent, at a cost of at most the schema's size times the value's.

Ordinary validators check a value once for each path through a schema that leads to it. The number of paths doubles
with each level of references: two kilobytes of schema can keep a validator busy for years. This module validates each
part of a value against each schema once, and counts the steps. Compiled parts are cached; their patterns are limited
in advance, by their weight.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ...contract.schemas import compile_schema
from ...jsontypes import Json
from .limits import resolve

# About 80 ms; an answer reaches about this limit with ten thousand values.
MOST_STEPS = 25_000
# The amounts of a container or a text that take about as long as a step.
_ITEMS = 20
_CHARACTERS = 1_000
_TAGS = 3
# The keywords about a value itself, except those that list values.
_OWN = frozenset(
    {
        "type",
        "required",
        "pattern",
        "format",
        "multipleOf",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    }
)

# Yields pairs of a schema and a part of the value to validate, is sent each verdict, and returns its own verdict.
_Evaluation = Generator[tuple[Any, Any], bool, bool]


class TooManySteps(Exception):
    """The validation would take too long."""


class Checker:
    """Validates values against a schema with the keywords that `app.engines.constraints.limits` allows.

    At most ``most`` steps are taken for a value: one for each pair of a schema and a part of the value, more for a
    large part.
    """

    def __init__(self, root: Json, *, most: int = MOST_STEPS) -> None:
        self._root = root
        self._most = most
        # The keys are the identities of schemas, which live as long as the root.
        self._own: dict[int, Any] = {}
        self._tags: dict[int, list[tuple[str, list[_Fixed]]]] = {}
        self._listed: dict[int, list[_Fixed]] = {}
        self._patterns: dict[str, Any] = {}
        self._targets: dict[str, Any] = {}

    def fits(self, value: object) -> bool:
        """Return whether the value obeys the schema.

        Raises:
            TooManySteps: the steps did not suffice to determine that.
        """
        # The same object always gets the same verdict, wherever it is in the value.
        known: dict[tuple[int, int], bool] = {}
        left = self._most
        schema, part = self._root, value
        stack: list[tuple[tuple[int, int], _Evaluation]] = []
        while True:
            key = (id(schema), id(part))
            verdict = schema if isinstance(schema, bool) else known.get(key)
            if verdict is None:
                left -= self._cost(schema, part)
                if left < 0:
                    raise TooManySteps
                stack.append((key, self._evaluate(schema, part)))
            while stack:
                key, evaluation = stack[-1]
                try:
                    schema, part = next(evaluation) if verdict is None else evaluation.send(verdict)
                    break
                except StopIteration as end:
                    verdict = known[key] = end.value
                    stack.pop()
            else:
                return bool(verdict)

    def _evaluate(self, schema: Json, part: Any) -> _Evaluation:
        if not (_allow(self._fixed(schema), part) and self._has_tags(schema, part) and self._holds_own(schema, part)):
            return False
        if "$ref" in schema and not (yield self._target(schema["$ref"]), part):
            return False
        for child, item in self._children(schema, part):
            if not (yield child, item):
                return False
        for child in schema.get("allOf", ()):
            if not (yield child, part):
                return False
        if "anyOf" in schema:
            for child in schema["anyOf"]:
                if (yield child, part):
                    break
            else:
                return False
        fitting = 0
        for child in schema.get("oneOf", ()):
            fitting += yield child, part
            if fitting > 1:
                return False
        return "oneOf" not in schema or fitting == 1

    def _has_tags(self, schema: Json, part: Any) -> bool:
        """Return whether fields that allow only fixed values have one of them. Most branches of unions differ in such
        fields. This check comes first; it looks at few fields and simple values only, so it does not count as a
        step."""
        key = id(schema)
        if key not in self._tags:
            fields = [(n, self._fixed(f)) for n, f in schema.get("properties", {}).items() if isinstance(f, dict)]
            self._tags[key] = [(n, f) for n, f in fields if f and not any(x.containers for x in f)][:_TAGS]
        return not isinstance(part, dict) or all(
            _allow(fixed, part[name]) for name, fixed in self._tags[key] if name in part
        )

    def _fixed(self, schema: Json) -> list[_Fixed]:
        key = id(schema)
        if key not in self._listed:
            lists = ([schema["const"]] if "const" in schema else None, schema.get("enum"))
            self._listed[key] = [_Fixed(values) for values in lists if values is not None]
        return self._listed[key]

    def _cost(self, schema: Json, part: Any) -> int:
        if isinstance(part, dict | list):
            looks = 1 + len(schema.get("patternProperties", ()))
            return 1 + (len(part) * looks + sum(fixed.size for fixed in self._fixed(schema))) // _ITEMS
        return 1 + len(part) // _CHARACTERS if isinstance(part, str) else 1

    def _children(self, schema: Json, part: Any) -> list[tuple[Any, Any]]:
        """Return the parts of a container with the schemas for them, single values first."""
        children: list[tuple[Any, Any]] = []
        if isinstance(part, dict):
            named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
            rest = schema.get("additionalProperties", True)
            if not (named or patterns) and rest is True:
                return children
            for name, item in part.items():
                found = [named[name]] if name in named else []
                found += [child for pattern, child in patterns.items() if self._matches(pattern, name)]
                children += [(child, item) for child in found or (rest,)]
            children.sort(key=lambda child: isinstance(child[1], dict | list))
        elif isinstance(part, list):
            first, rest = schema.get("prefixItems", ()), schema.get("items", True)
            children += zip(first, part, strict=False)
            if rest is not True:
                children += [(rest, item) for item in part[len(first) :]]
        return children

    def _holds_own(self, schema: Json, part: Any) -> bool:
        key = id(schema)
        if key not in self._own:
            own = {name: value for name, value in schema.items() if name in _OWN}
            self._own[key] = compile_schema(own) if own else None
        validator = self._own[key]
        if validator is None:
            return True
        if isinstance(part, dict):
            part = dict.fromkeys(part)
        elif isinstance(part, list):
            part = [None] * len(part)
        return bool(validator.is_valid(part))

    def _target(self, reference: str) -> Any:
        if reference not in self._targets:
            self._targets[reference] = resolve(self._root, reference)
        return self._targets[reference]

    def _matches(self, pattern: str, name: str) -> bool:
        if pattern not in self._patterns:
            self._patterns[pattern] = compile_schema({"pattern": pattern})
        return bool(self._patterns[pattern].is_valid(name))


class _Fixed:
    """Values that a schema lists. ``size`` is the number of values in those that are containers."""

    def __init__(self, values: list[Any]) -> None:
        self.containers = [value for value in values if isinstance(value, dict | list)]
        self.size = sum(map(_size, self.containers))
        # True equals 1 in Python, but not in JSON.
        self._simple = frozenset((type(v) is bool, v) for v in values if not isinstance(v, dict | list))

    def have(self, part: Any) -> bool:
        if isinstance(part, dict | list):
            return any(_same(value, part) for value in self.containers)
        return (type(part) is bool, part) in self._simple


def _allow(lists: list[_Fixed], part: Any) -> bool:
    return all(fixed.have(part) for fixed in lists)


def _size(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_size, children))


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are equal in JSON, where 1 equals 1.0, but not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and len(one) == len(other)
            and all(name in other and _same(value, other[name]) for name, value in one.items())
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
