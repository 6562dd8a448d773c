"""Plain schemas that a value must obey together, and what they say about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ....jsontypes import Json
from ..checker import Checker, TooManySteps
from .expressions import Unsayable

_OF_KIND = {
    "object": ("properties", "required", "additionalProperties", "patternProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
KINDS = ("object", "array", "string", "number", "integer", "boolean", "null")
RELEVANT = frozenset({"type", "enum", "const", *(key for keys in _OF_KIND.values() for key in keys)})
# Keywords about the content of containers.
_WITHIN = frozenset({"properties", "additionalProperties", "patternProperties", "items", "prefixItems"})


@dataclass(frozen=True, slots=True)
class Place:
    """A schema together with its root."""

    schema: Any
    root: Any

    @classmethod
    def of(cls, schema: Any, root: Any) -> Place:
        return cls(schema, schema if isinstance(schema, dict) and "$id" in schema else root)

    def child(self, schema: Any) -> Place:
        return Place.of(schema, self.root)

    @property
    def key(self) -> tuple[str, int]:
        """A key that is equal for equivalent places."""
        text = json.dumps(self.schema)
        return text, id(self.root) if '"$ref"' in text or '"$id"' in text else 0


# Schemas without references and branches; a value must obey all of them.
Parts = tuple[Place, ...]


def kinds(parts: Parts) -> list[str]:
    """Return the types to generate. If none is named, these are the types that the keywords apply to, because the
    schema is not meant for others."""
    found = allowed(parts)
    if len(found) == len(KINDS) - 1:
        meant = {kind for part in parts for kind, keys in _OF_KIND.items() if any(key in part.schema for key in keys)}
        found = [kind for kind in found if kind in meant] or found
    return found


def allowed(parts: Parts) -> list[str]:
    """Return the types that a value may have. A number may also be an integer, so integer is not listed beside
    number."""
    found = set(KINDS)
    for part in parts:
        if "type" in part.schema:
            types = part.schema["type"]
            types = {types} if isinstance(types, str) else set(types)
            found &= types | ({"integer"} if "number" in types else set())
    if "number" in found:
        found.discard("integer")
    return [kind for kind in KINDS if kind in found]


def listed(parts: Parts) -> list[Any] | None:
    """Return the listed values that fit; None: the schemas list no values.

    Raises:
        Unsayable: the validation would take too long.
    """
    lists = [found for part in parts for found in lists_of(part.schema)]
    if not lists:
        return None
    obeyed = Obeyed(parts)
    return [value for value in lists[0] if obeyed.by(value)]


def lists_of(schema: Json) -> Iterator[list[Any]]:
    """Yield the lists of values in a schema's ``const`` and ``enum``. A value that obeys the schema is in each list."""
    if "const" in schema:
        yield [schema["const"]]
    if "enum" in schema:
        yield schema["enum"]


class Obeyed:
    """Determines which values obey an alternative."""

    def __init__(self, parts: Parts) -> None:
        self._schemas = [part.schema for part in parts]
        self._simple = [
            Checker({key: found for key, found in schema.items() if key not in _WITHIN}) for schema in self._schemas
        ]
        self._whole: list[Checker] | None = None

    def by(self, value: Any) -> bool:
        """Return whether a value obeys the alternative.

        Raises:
            Unsayable: the validation would take too long, or depends on references.
        """
        checkers = self._simple
        if isinstance(value, dict | list):
            if '"$ref"' in json.dumps(self._schemas):
                raise Unsayable
            self._whole = checkers = self._whole or [Checker(schema) for schema in self._schemas]
        try:
            return all(checker.fits(value) for checker in checkers)
        except TooManySteps:
            raise Unsayable from None


def names_of(parts: Parts) -> list[str]:
    """Return the names of all properties to generate."""
    named = [name for part in parts for name in part.schema.get("properties", {})]
    return list(dict.fromkeys([*named, *(name for part in parts for name in part.schema.get("required", ()))]))


class Facts:
    """The facts that distinguish an alternative from others. ``kinds`` are the types that are generated for it,
    ``allowed`` those that it allows; ``fixed`` has the texts of properties whose texts are listed."""

    def __init__(self, parts: Parts) -> None:
        schemas = [part.schema for part in parts]
        self.listed = listed(parts)
        self.obeyed = Obeyed(parts)
        self.kinds = set(kinds(parts))
        self.allowed = set(allowed(parts))
        if self.allowed & {"integer", "number"}:
            self.allowed |= {"integer", "number"}
        self.names = set(names_of(parts))
        self.required = {name for schema in schemas for name in schema.get("required", ())}
        self.fixed: dict[str, set[str]] = {}
        for schema in schemas:
            for name, child in schema.get("properties", {}).items():
                for values in lists_of(child) if isinstance(child, dict) else ():
                    if all(isinstance(value, str) for value in values):
                        self.fixed[name] = self.fixed.get(name, set(values)) & set(values)
