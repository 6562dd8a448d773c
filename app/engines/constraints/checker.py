"""Whether a value obeys a schema that a client sent, at a cost of at most the schema times the value.

Validators look at a value once for each way that leads through a schema to what describes it, and the ways double with
each level of references: two kilobytes of schema keep one busy for years. Here each schema is held against each part
of a value once, in counted steps. What is compiled for that is kept; its patterns are bounded beforehand, by their
weight.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ...contract.schemas import compile_schema
from ...jsontypes import Json
from .limits import resolve

# Some 80 ms; an answer comes near it with ten thousand values.
MOST_STEPS = 25_000
# What of a container or a text takes about as long as a step.
_ITEMS = 20
_CHARACTERS = 1_000
_TAGS = 3
# What a schema says of a value itself, beside which values it lists.
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

# Asks for schemas and the parts of a value that they must hold for, is told whether they do, and ends with its own.
_Evaluation = Generator[tuple[Any, Any], bool, bool]


class TooManySteps(Exception):
    """It would take too long to tell."""


class Checker:
    """Holds values against a schema with the keywords that `app.engines.constraints.limits` lets pass.

    ``most`` steps are taken for a value: one for a schema and a part of the value, more for a large part.
    """

    def __init__(self, root: Json, *, most: int = MOST_STEPS) -> None:
        self._root = root
        self._most = most
        # By the identity of their schemas, which live as long as the root.
        self._own: dict[int, Any] = {}
        self._tags: dict[int, list[tuple[str, list[_Fixed]]]] = {}
        self._listed: dict[int, list[_Fixed]] = {}
        self._patterns: dict[str, Any] = {}
        self._targets: dict[str, Any] = {}

    def fits(self, value: object) -> bool:
        """Whether the value obeys the schema.

        Raises:
            TooManySteps: so far it is unknown.
        """
        # One and the same object gets one and the same verdict, wherever in the value it stands.
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
        """Whether fields that may have fixed values only, by which most branches of unions are told apart, have them.
        Asked before all else, of a few fields and simple values only, so it is no step."""
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
        """The parts of a container with the schemas for them, single values first."""
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
    """Values that a schema lists. ``size`` is how many values are in those that are containers."""

    def __init__(self, values: list[Any]) -> None:
        self.containers = [value for value in values if isinstance(value, dict | list)]
        self.size = sum(map(_size, self.containers))
        # True is equal to 1 in Python, and not in JSON.
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
    """Whether two values are equal in JSON, where 1 is 1.0 and not true."""
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
