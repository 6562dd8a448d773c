"""Converts text to typed values by a schema: parameters and form fields arrive as text, and only the schema says
whether ``12`` is a number.

A shape only converts; validators decide whether the value is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from math import isfinite
from typing import Any

from ..jsontypes import Json

_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
_INTEGER = re.compile(r"-?[0-9]{1,40}")
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,3})?")
# The depth limit for circular references; no text is nested deeper.
_DEEPEST = 16


class Shape:
    """A schema, used to convert text to values.

    ``follow`` returns a schema without a ``$ref`` at its top. ``types`` are the JSON types that an instance may have,
    in the order of the schema; empty: any.
    """

    def __init__(self, follow: Callable[[Any], Any], schema: object) -> None:
        self._follow = follow
        self._schema = schema

    @cached_property
    def types(self) -> tuple[str, ...]:
        return self._types(self._schema, 0) or ()

    @cached_property
    def nodes(self) -> tuple[Json, ...]:
        """The schema and all subschemas that it combines by ``allOf``, ``anyOf`` and the like."""
        return tuple(self._flatten(self._schema, 0))

    @property
    def is_array(self) -> bool:
        return "array" in self.types

    @property
    def is_object(self) -> bool:
        return "object" in self.types

    @property
    def is_scalar(self) -> bool:
        """Whether an instance may be something other than an array or an object."""
        return not self.types or any(kind not in ("array", "object") for kind in self.types)

    def may_hold(self, character: str) -> bool:
        """Whether an instance, as text, may contain a punctuation character. Numbers, booleans, null and values of an
        enum without the character do not."""
        if any(node.get("enum") and character not in "".join(map(str, node["enum"])) for node in self.nodes):
            return False
        return not self.types or not set(self.types) <= {"integer", "number", "boolean", "null"}

    @cached_property
    def properties(self) -> tuple[str, ...]:
        """The names of the properties that the schema lists."""
        return tuple(dict.fromkeys(name for node in self.nodes for name in _map(node.get("properties"))))

    @cached_property
    def takes_more(self) -> bool:
        """Whether the schema explicitly allows properties that it does not list."""
        return any(
            node.get("additionalProperties", False) is not False or "patternProperties" in node for node in self.nodes
        )

    @cached_property
    def items(self) -> Shape:
        found = [node["items"] for node in self.nodes if "items" in node]
        return self._union(found or [item for node in self.nodes for item in node.get("prefixItems") or ()])

    @cached_property
    def _named(self) -> dict[str, Shape]:
        return {
            name: self._union([p[name] for node in self.nodes if name in (p := _map(node.get("properties")))])
            for name in self.properties
        }

    def property(self, name: str) -> Shape:
        """Return the shape of a property; if it is not listed, the shape for additional properties."""
        found = self._named.get(name)
        if found is not None:
            return found
        schemas = []
        for node in self.nodes:
            for pattern, schema in _map(node.get("patternProperties")).items():
                try:
                    matches = re.search(pattern, name)
                except re.error:
                    continue
                if matches:
                    schemas.append(schema)
        return self._union(schemas or [node["additionalProperties"] for node in self.nodes if _more(node)])

    def readings(self, text: str) -> list[Any]:
        """Return the possible values of a text that are neither array nor object, the likeliest first; never empty.

        The types are tried in the schema's order, strings last. There is no standard text for null: the empty text and
        ``null`` are read as null if no string is allowed.
        """
        found: list[Any] = []
        for kind in self.types:
            if kind in ("integer", "number"):
                if _INTEGER.fullmatch(text):
                    found.append(int(text))
                elif kind == "number" and _NUMBER.fullmatch(text) and isfinite(number := float(text)):
                    found.append(number)
            elif kind == "boolean" and text in ("true", "false"):
                found.append(text == "true")
            elif kind == "null" and text in ("", "null") and "string" not in self.types:
                found.append(None)
        if not found or "string" in self.types:
            found.append(text)
        return found

    def _union(self, schemas: list[Any]) -> Shape:
        return Shape(self._follow, schemas[0] if len(schemas) == 1 else {"anyOf": schemas} if schemas else {})

    def _flatten(self, schema: object, depth: int) -> Iterator[Json]:
        schema = self._follow(schema)
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return
        yield schema
        for union in ("allOf", "anyOf", "oneOf"):
            for branch in schema.get(union) or ():
                yield from self._flatten(branch, depth + 1)
        for branch in ("then", "else"):
            if branch in schema:
                yield from self._flatten(schema[branch], depth + 1)

    def _types(self, schema: object, depth: int) -> tuple[str, ...] | None:
        """Return the types that a schema allows, in its order; None: any."""
        schema = self._follow(schema)
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return None
        found = _declared(schema)
        for branch in schema.get("allOf") or ():
            found = _both(found, self._types(branch, depth + 1))
        for union in ("anyOf", "oneOf"):
            branches = [self._types(branch, depth + 1) for branch in schema.get(union) or ()]
            if branches and all(branch is not None for branch in branches):
                found = _both(found, tuple(dict.fromkeys(kind for branch in branches for kind in branch or ())))
        if found is not None and schema.get("nullable") is True and "null" not in found:
            found = (*found, "null")
        return found


def _map(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _more(node: Json) -> bool:
    return isinstance(node.get("additionalProperties"), dict)


def _declared(schema: Json) -> tuple[str, ...] | None:
    declared = schema.get("type")
    if declared is not None:
        kinds = [declared] if isinstance(declared, str) else list(declared)
        return tuple(kind for kind in dict.fromkeys(kinds) if kind in _TYPES)
    if "const" in schema or isinstance(schema.get("enum"), list):
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return tuple(dict.fromkeys(map(_type_of, values)))
    if any(keyword in schema for keyword in ("properties", "additionalProperties", "patternProperties")):
        return ("object",)
    return ("array",) if "items" in schema or "prefixItems" in schema else None


def _type_of(value: object) -> str:
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "object"


def _both(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the types that two rules both allow, in the order of the first; an integer is also a number."""
    if one is None or other is None:
        return other if one is None else one
    narrowed = ("integer" if kind == "number" and "number" not in other else kind for kind in one)
    return tuple(kind for kind in narrowed if kind in other or (kind == "integer" and "number" in other))
