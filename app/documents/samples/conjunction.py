"""Combines the keywords of several schemas that one value must match.

A goal is a tuple of pointers into the document. `expand` follows references and ``allOf`` and takes one branch of each
union, which results in leaves. A `Conjunction` of leaves describes the allowed values. Since all goals are pointers,
any part of a value can be validated by the validators of the document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

from ...contract.pointers import last_token, pointer_in, pointer_to, tokens
from ...contract.source import SchemaSource
from ...jsontypes import Json
from .numbers import Range, exact
from .patterns import NoInstance, compiled

Goal = tuple[str, ...]
Subschema = tuple[str, Json]
# Receives the pointers of a union's branches, and returns the one to take.
Choose = Callable[[Sequence[str]], str]

_ALL = ("object", "array", "string", "integer", "number", "boolean", "null")
# Keywords that apply to one type only: if no type is given, the author meant this type.
_TELLING = (
    ("object", ("properties", "required", "additionalProperties", "patternProperties", "minProperties")),
    ("array", ("items", "prefixItems", "minItems", "contains", "uniqueItems")),
    ("string", ("pattern", "minLength", "maxLength", "format")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)
# More levels than any document requires: a schema that needs this many is circular.
_DEEPEST = 24


def same(value: object) -> str:
    """Return a text that is equal for values that are equal in JSON Schema: 1 and 1.0 are, 1 and true are not."""
    return json.dumps(_integral(value), sort_keys=True)


def _integral(value: object) -> Any:
    if isinstance(value, dict):
        return {name: _integral(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_integral(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Source:
    """The schemas of a document by JSON pointer, each a dict or a bool."""

    def __init__(self, schemas: SchemaSource) -> None:
        self._schemas = schemas
        self._nodes: dict[str, Any] = {}
        self._within: dict[tuple[str, int], bool] = {}

    def node(self, pointer: str) -> Any:
        found = self._nodes.get(pointer)
        if found is None:
            try:
                found = self._nodes[pointer] = self._schemas.node(pointer)
            except LookupError:
                raise NoInstance(f"nothing is at {pointer}") from None
        return found

    def target(self, node: Json) -> str | None:
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return None
        if not reference.startswith("#"):
            raise NoInstance(f"the reference {reference} leaves the document")
        return pointer_in(reference)

    def height(self, pointer: str) -> int:
        """Return the approximate number of levels of the flattest value.

        Raises:
            NoInstance: the schema requires itself inside itself without end.
        """
        for levels in range(_DEEPEST):
            if self._fits(pointer, levels, ()):
                return levels
        raise NoInstance(f"a value for {pointer} would have no end")

    def _fits(self, pointer: str, levels: int, active: tuple[str, ...]) -> bool:
        if pointer in active:
            return False
        key = (pointer, levels)
        found = self._within.get(key)
        if found is None:
            found = self._look(pointer, levels, (*active, pointer))
            if found or not active:  # inside a cycle, a negative result is not final
                self._within[key] = found
        return found

    def _look(self, pointer: str, levels: int, active: tuple[str, ...]) -> bool:
        node = self.node(pointer)
        if not isinstance(node, dict) or node.get("not") in ({}, True):
            return node is True
        if (target := self.target(node)) is not None and not self._fits(target, levels, active):
            return False
        if not all(self._fits(branch, levels, active) for branch in branches(pointer, node, "allOf")):
            return False
        for union in ("anyOf", "oneOf"):
            if union in node and not any(self._fits(b, levels, active) for b in branches(pointer, node, union)):
                return False
        if "enum" in node or "const" in node or set(kinds(node) or ()) - {"object", "array"}:
            return True
        inner = [
            pointer + pointer_to("properties", name)
            for name in node.get("required") or ()
            if name in (node.get("properties") or {})
        ]
        if node.get("minItems") and isinstance(node.get("items"), dict):
            inner.append(pointer + "/items")
        return not inner or (levels > 0 and all(self._fits(part, levels - 1, ()) for part in inner))


def branches(pointer: str, node: Json, union: str) -> list[str]:
    """Return the pointers of the branches that a schema at ``pointer`` has under ``union``, such as ``oneOf``."""
    return [f"{pointer}/{union}/{index}" for index in range(len(node.get(union) or ()))]


def kinds(node: Json) -> list[str] | None:
    """Return the types that a schema names; None if it names none."""
    declared = node.get("type")
    return [declared] if isinstance(declared, str) else declared if isinstance(declared, list) else None


def expand(source: Source, goal: Iterable[str], choose: Choose) -> tuple[list[Subschema], Json]:
    """Return the leaves of a goal, and the discriminator values of parents by property; unions contain them already.

    Raises:
        NoInstance: a schema allows no value, or a reference is broken.
    """
    todo, seen = list(goal), dict[str, None]()
    leaves: list[Subschema] = []
    tags: Json = {}
    while todo:
        pointer = todo.pop(0)
        if pointer in seen:
            continue
        seen[pointer] = None
        node = source.node(pointer)
        if node is True:
            continue
        if not isinstance(node, dict) or node.get("not") in ({}, True):
            raise NoInstance("a schema that nothing fits")
        leaves.append((pointer, node))
        if (target := source.target(node)) is not None:
            todo.append(target)
        todo += branches(pointer, node, "allOf")
        for union in ("anyOf", "oneOf"):
            if node.get(union):
                todo.append(choose(branches(pointer, node, union)))
        if "if" in node:
            taken = choose([f"{pointer}/then", f"{pointer}/else"])
            # If `else` is taken, the validator checks that `if` does not match.
            todo += [f"{pointer}/if"] if taken.endswith("/then") else []
            todo += [taken] if taken.rpartition("/")[2] in node else []
        if not node.get("oneOf") and not node.get("anyOf") and (name := _tag_name(node)):
            # Inheritance: the discriminator value is that of the first component on the path.
            component = next((p for p in seen if p.startswith("/components/schemas/") and len(tokens(p)) == 3), "")
            tags.setdefault(name, _tag_value(node, component))
    return leaves, tags


def _tag_name(node: Json) -> str | None:
    found = node.get("discriminator")
    name = found.get("propertyName") if isinstance(found, dict) else None
    return name if isinstance(name, str) else None


def _tag_value(node: Json, target: str) -> str:
    """Return the value for a component (OpenAPI, Discriminator Object): from the mapping, else the component's name."""
    name = last_token(target)
    for value, meant in (node["discriminator"].get("mapping") or {}).items():
        if meant == name or pointer_in(meant) == target:
            return str(value)
    return name


class Conjunction:
    """The combined rules of leaves."""

    def __init__(self, source: Source, leaves: Sequence[Subschema]) -> None:
        self._source = source
        self.leaves = leaves

    def all(self, keyword: str) -> list[Any]:
        return [node[keyword] for _, node in self.leaves if keyword in node]

    def most(self, keyword: str) -> Any:
        return max(self.all(keyword), default=0)

    def least(self, keyword: str) -> Any:
        return min(self.all(keyword), default=None)

    @cached_property
    def types(self) -> list[str]:
        """The types that a value may have, in the document's order; all if there is no rule."""
        named = [found for _, node in self.leaves if (found := kinds(node)) is not None]
        if not named:
            told = (kind for kind, words in _TELLING if any(self.all(word) for word in words))
            first = next(told, None)
            return [first] if first else list(_ALL)
        found = named[0]
        for other in named[1:]:
            wide = {*other, "integer"} if "number" in other else set(other)
            found = [*dict.fromkeys(k if k in wide else "integer" for k in found if k in wide or _narrows(k, other))]
        if not found:
            raise NoInstance("types that exclude each other")
        return found

    @cached_property
    def values(self) -> list[Any] | None:
        """The values that ``const`` and ``enum`` allow; None if there are neither."""
        lists = [[value] for value in self.all("const")] + self.all("enum")
        if not lists:
            return None
        left = [value for value in lists[0] if all(same(value) in map(same, other) for other in lists[1:])]
        if not left:
            raise NoInstance("fixed values that exclude each other")
        return left

    @cached_property
    def range(self) -> Range:
        low = self._end([("minimum", False), ("exclusiveMinimum", True)], max)
        high = self._end([("maximum", False), ("exclusiveMaximum", True)], min)
        return Range(*((low[0], high[0], low[1], high[1])))

    def _end(self, words: list[tuple[str, bool]], pick: Any) -> tuple[Fraction | None, bool]:
        ends = [(exact(v), is_open) for word, is_open in words for v in self.all(word) if not isinstance(v, bool)]
        if not ends:
            return None, False
        end = pick(value for value, _ in ends)
        return end, (end, True) in ends

    @cached_property
    def required(self) -> list[str]:
        return list(dict.fromkeys(name for names in self.all("required") for name in names))

    @cached_property
    def declared(self) -> list[str]:
        return list(dict.fromkeys(name for properties in self.all("properties") for name in properties))

    @cached_property
    def forbidden(self) -> set[str]:
        """Properties that ``not: {required: [name]}`` excludes."""
        lists = [rule["required"] for rule in self.all("not") if isinstance(rule, dict) and list(rule) == ["required"]]
        return {names[0] for names in lists if len(names) == 1}

    def property_goal(self, name: str) -> Goal:
        """Return the pointers of the schemas that the value of a property must match."""
        found: list[str] = []
        for pointer, node in self.leaves:
            own = [pointer + pointer_to("properties", name)] if name in (node.get("properties") or {}) else []
            for pattern in node.get("patternProperties") or {}:
                if compiled(pattern).search(name):
                    own.append(pointer + pointer_to("patternProperties", pattern))
            if not own and "additionalProperties" in node:
                own.append(f"{pointer}/additionalProperties")
            elif not own and "unevaluatedProperties" in node and name not in self.declared:
                own.append(f"{pointer}/unevaluatedProperties")
            found += own
        return tuple(dict.fromkeys(found))

    def item_goal(self, index: int) -> Goal:
        """Return the pointers of the schemas that an item of an array must match."""
        found: list[str] = []
        for pointer, node in self.leaves:
            if index < len(node.get("prefixItems") or ()):
                found.append(f"{pointer}/prefixItems/{index}")
            elif "items" in node:
                found.append(f"{pointer}/items")
            elif "unevaluatedItems" in node and not self.all("items"):
                found.append(f"{pointer}/unevaluatedItems")
        return tuple(found)

    def pointers(self, keyword: str) -> list[str]:
        return [f"{pointer}/{keyword}" for pointer, node in self.leaves if keyword in node]


def _narrows(kind: str, others: Sequence[str]) -> bool:
    """Whether a required number may also be an integer."""
    return kind == "number" and "integer" in others
