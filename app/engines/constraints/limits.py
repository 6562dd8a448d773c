"""The limits of a JSON schema that a client sends: its size, its depth, and its keywords.

The limits prevent grammars that take the engine minutes. A keyword that the engine cannot obey is refused by name,
because an answer that only seems to be constrained is worse than none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ...contract.pointers import look_up, pointer_in
from ...errors import BadRequest
from ...jsontypes import Json
from .patterns import Patterns

LARGEST = 100_000  # characters as JSON
LARGEST_TOGETHER = 1_000_000  # of all tools, unless a setting says otherwise
DEEPEST = 32  # schemas within schemas
DEEPEST_VALUE = 100  # arrays and objects within each other
MOST_NODES = 5_000
MOST_BRANCHES = 5_000  # schemas for the same value, each counted once for each path of references that leads to it
MOST_VALUES = 1_000  # of all enums
MOST_PROPERTIES = 400  # of one object: llama.cpp's parser fails with more optional properties
LARGEST_COUNT = 10_000
# LLGuidance counts in 64 bits; on overflow its process ends with a segmentation fault.
LARGEST_BOUND = 2**53
# The automaton that recognizes the multiples of all of them together has this many states; powers of ten add none.
MOST_STEPS = 10_000
# LLGuidance recurses into all of them, and its stack overflows at some thousand levels.
MOST_LEVELS = 500

FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")

# Keywords that LLGuidance does not support, or that would change the meaning of a reference.
REFUSED = frozenset(
    {
        "not",
        "if",
        "then",
        "else",
        "contains",
        "minContains",
        "maxContains",
        "uniqueItems",
        "additionalItems",
        "unevaluatedItems",
        "unevaluatedProperties",
        "minProperties",
        "maxProperties",
        "propertyNames",
        "dependencies",
        "dependentRequired",
        "dependentSchemas",
        "$id",
        "$anchor",
        "$dynamicAnchor",
        "$dynamicRef",
        "$recursiveAnchor",
        "$recursiveRef",
        "$vocabulary",
        "contentSchema",
        "x-guidance",
    }
)
ONE = ("additionalProperties", "items")
MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
NAMED = ("properties", "patternProperties", "$defs", "definitions")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def fault(param: str, reason: str, path: str = "") -> BadRequest:
    """Return the error for a schema in the parameter ``param``; ``path`` is the place in the schema."""
    return BadRequest(f"The schema cannot be used: {reason}.", param=param + path, code="invalid_value")


def measure(schema: Any, param: str) -> str:
    """Return the schema as JSON. A schema that is too large is refused before anything recurses into it."""
    if not isinstance(schema, dict):
        raise fault(param, "it must be an object")
    nodes = 0
    level: list[Any] = [schema]
    for _ in range(DEEPEST_VALUE):
        nodes += len(level)
        if nodes > MOST_NODES:
            raise fault(param, f"it may have at most {MOST_NODES} values")
        level = [child for value in level for child in _children(value)]
        if not level:
            break
    else:
        raise fault(param, f"it may be at most {DEEPEST_VALUE} levels deep")
    text = json.dumps(schema, ensure_ascii=False)
    if len(text) > LARGEST:
        raise fault(param, f"it may be at most {LARGEST} characters long")
    return text


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


class Walk:
    """Visits each schema of a schema once and refuses what cannot be obeyed."""

    def __init__(self, root: Json, param: str) -> None:
        self._root = root
        self._param = param
        self._values = 0
        self.patterns = Patterns()
        self._steps: set[int] = set()
        self._seen: set[int] = set()
        self._schemas: list[Json] = []
        self._references: list[tuple[Json, str]] = []

    def visit(self, schema: Any, path: str, depth: int) -> None:
        if isinstance(schema, bool):
            return
        self._seen.add(id(schema))
        if not isinstance(schema, dict):
            raise fault(self._param, "a schema must be an object or a boolean", path)
        self._schemas.append(schema)
        if depth > DEEPEST:
            raise fault(self._param, f"schemas may be nested at most {DEEPEST} levels deep", path)
        if path and "$schema" in schema:
            raise fault(self._param, "$schema is accepted at the root only", f"{path}.$schema")
        properties = schema.get("properties")
        if isinstance(properties, dict) and len(properties) > MOST_PROPERTIES:
            raise fault(self._param, f"an object may have at most {MOST_PROPERTIES} properties", f"{path}.properties")
        self._refuse_keywords(schema, path)
        self._refuse_values(schema, path)
        for key in ONE:
            if key in schema:
                if isinstance(schema[key], list):
                    raise fault(self._param, f"{key} must be one schema; use prefixItems for a list", f"{path}.{key}")
                self.visit(schema[key], f"{path}.{key}", depth + 1)
        for key in MANY:
            if isinstance(schema.get(key), list):
                for index, child in enumerate(schema[key]):
                    self.visit(child, f"{path}.{key}[{index}]", depth + 1)
        for key in NAMED:
            if isinstance(schema.get(key), dict):
                for name, child in schema[key].items():
                    self.visit(child, f"{path}.{key}.{_shown(name)}", depth + 1)

    def _refuse_keywords(self, schema: Json, path: str) -> None:
        for key in schema:
            neutral = (key == "uniqueItems" and schema[key] is False) or (key == "$id" and not path)
            if key in REFUSED and not neutral:
                raise fault(self._param, f"the keyword {key} is not supported", f"{path}.{key}")

    def _refuse_values(self, schema: Json, path: str) -> None:
        if isinstance(schema.get("enum"), list):
            self._values += len(schema["enum"])
            if self._values > MOST_VALUES:
                raise fault(self._param, f"all enums together may have at most {MOST_VALUES} values", f"{path}.enum")
        for key in _COUNTS:
            value = schema.get(key)
            if isinstance(value, int | float) and value > LARGEST_COUNT:
                raise fault(self._param, f"{key} may be at most {LARGEST_COUNT}", f"{path}.{key}")
        for key in _BOUNDS:
            value = schema.get(key)
            if isinstance(value, int | float) and not -LARGEST_BOUND <= value <= LARGEST_BOUND:
                reason = f"{key} must be from -{LARGEST_BOUND} to {LARGEST_BOUND}"
                raise fault(self._param, reason, f"{path}.{key}")
        self._refuse_steps(schema.get("multipleOf"), f"{path}.multipleOf")
        self._refuse_pattern(schema.get("pattern"), f"{path}.pattern")
        if isinstance(schema.get("patternProperties"), dict):
            for pattern in schema["patternProperties"]:
                self._refuse_pattern(pattern, f"{path}.patternProperties")
        form = schema.get("format")
        if isinstance(form, str) and form not in FORMATS:
            raise fault(self._param, f"format must be one of {', '.join(FORMATS)}", f"{path}.format")
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if not isinstance(resolve(self._root, reference), dict | bool):
                reason = "$ref must be a pointer into the same schema, such as #/$defs/a"
                raise fault(self._param, reason, f"{path}.$ref")
            self._references.append((schema, f"{path}.$ref"))

    def refuse_branches(self) -> None:
        """Refuse a schema with too many paths to schemas for one value. References must not be circular."""
        ways: dict[int, int] = {}
        left = self._schemas.copy()
        while left:
            schema = left[-1]
            same = [] if id(schema) in ways else list(self._same_value(schema))
            unknown = [child for child in same if isinstance(child, dict) and id(child) not in ways]
            if unknown:
                left += unknown
                continue
            left.pop()
            ways.setdefault(id(schema), 1 + sum(ways.get(id(child), 1) for child in same))
            if ways[id(schema)] > MOST_BRANCHES:
                reason = f"anyOf, oneOf, allOf and $ref lead to more than {MOST_BRANCHES} schemas for one value"
                raise fault(self._param, reason)

    def refuse_references(self) -> None:
        """Refuse references to something that is not a schema, and references that lead back to themselves without
        describing a part of the value in between."""
        done: set[int] = set()
        met: set[int] = set()
        levels = 0
        for start, path in self._references:
            target = resolve(self._root, start["$ref"])
            if isinstance(target, dict) and id(target) not in self._seen:
                raise fault(self._param, "$ref points to something that is not used as a schema", path)
            if id(target) not in met:
                met.add(id(target))
                levels += _height(target)
                if levels > MOST_LEVELS:
                    reason = f"what references lead to may have at most {MOST_LEVELS} levels together"
                    raise fault(self._param, reason, path)
            trail: list[tuple[Json, Iterator[Any]]] = []
            on_trail: set[int] = set()
            following: Any = start
            while True:
                if isinstance(following, dict) and id(following) in on_trail:
                    raise fault(self._param, "its references form a circle", path)
                if isinstance(following, dict) and id(following) not in done:
                    trail.append((following, self._same_value(following)))
                    on_trail.add(id(following))
                while trail and (following := next(trail[-1][1], None)) is None:
                    ended = id(trail.pop()[0])
                    on_trail.discard(ended)
                    done.add(ended)
                if not trail:
                    break

    def _same_value(self, schema: Json) -> Iterator[Any]:
        """Yield the schemas that describe the same value as a schema."""
        if isinstance(schema.get("$ref"), str):
            yield resolve(self._root, schema["$ref"])
        for key in ("allOf", "anyOf", "oneOf"):
            if isinstance(schema.get(key), list):
                yield from schema[key]

    def _refuse_steps(self, multiple: Any, path: str) -> None:
        if isinstance(multiple, bool) or not isinstance(multiple, int | float):
            return
        digits = "".join(map(str, Decimal(str(multiple)).normalize().as_tuple().digits))
        self._steps.add(int(digits[:18]))
        if math.prod(self._steps) > MOST_STEPS:
            reason = f"the numbers of all multipleOf, without zeros at their ends, may come to at most {MOST_STEPS}"
            raise fault(self._param, f"{reason} when they are multiplied", path)

    def _refuse_pattern(self, pattern: Any, path: str) -> None:
        if not isinstance(pattern, str):
            return
        reason = self.patterns.add(pattern)
        if reason is not None:
            raise fault(self._param, reason, path)


def resolve(root: Json, reference: str) -> Any:
    """Return what a reference leads to in a schema, or None."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    try:
        return look_up(root, pointer_in(reference))
    except LookupError:
        return None


def _height(schema: Any) -> int:
    """Return the number of levels of schemas in a visited schema, without the targets of its references."""
    if not isinstance(schema, dict):
        return 1
    below: list[Any] = [schema[key] for key in ONE if key in schema]
    for key in MANY:
        below += schema[key] if isinstance(schema.get(key), list) else ()
    for key in NAMED:
        below += schema[key].values() if isinstance(schema.get(key), dict) else ()
    return 1 + max(map(_height, below), default=0)


def _shown(name: str) -> str:
    return name if re.fullmatch(r"[\w-]{1,64}", name, re.ASCII) else "*"
