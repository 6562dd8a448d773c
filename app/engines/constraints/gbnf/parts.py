"""Plain schemas that a value must obey together, and what they say of it."""

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
# What is looked at within containers only.
_WITHIN = frozenset({"properties", "additionalProperties", "patternProperties", "items", "prefixItems"})


@dataclass(frozen=True, slots=True)
class Place:
    """A schema in its root."""

    schema: Any
    root: Any

    @classmethod
    def of(cls, schema: Any, root: Any) -> Place:
        return cls(schema, schema if isinstance(schema, dict) and "$id" in schema else root)

    def child(self, schema: Any) -> Place:
        return Place.of(schema, self.root)

    @property
    def key(self) -> tuple[str, int]:
        """The same for places that say the same."""
        text = json.dumps(self.schema)
        return text, id(self.root) if '"$ref"' in text or '"$id"' in text else 0


# Schemas without references and branches; a value must obey all of them.
Parts = tuple[Place, ...]


def kinds(parts: Parts) -> list[str]:
    """The types that are made of a value: where none is named, those that the keywords are about, as nothing else is
    meant to be said."""
    found = allowed(parts)
    if len(found) == len(KINDS) - 1:
        meant = {kind for part in parts for kind, keys in _OF_KIND.items() if any(key in part.schema for key in keys)}
        found = [kind for kind in found if kind in meant] or found
    return found


def allowed(parts: Parts) -> list[str]:
    """The types that a value may have; what may be a number may be an integer, which is not listed then."""
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
    """The values that are listed and fit; None: none are listed.

    Raises:
        Unsayable: it would take too long to tell.
    """
    lists = [found for part in parts for found in lists_of(part.schema)]
    if not lists:
        return None
    obeyed = Obeyed(parts)
    return [value for value in lists[0] if obeyed.by(value)]


def lists_of(schema: Json) -> Iterator[list[Any]]:
    """The lists of values that a schema has by ``const`` and ``enum``; what obeys it is in each of them."""
    if "const" in schema:
        yield [schema["const"]]
    if "enum" in schema:
        yield schema["enum"]


class Obeyed:
    """Tells which values obey an alternative."""

    def __init__(self, parts: Parts) -> None:
        self._schemas = [part.schema for part in parts]
        self._simple = [
            Checker({key: found for key, found in schema.items() if key not in _WITHIN}) for schema in self._schemas
        ]
        self._whole: list[Checker] | None = None

    def by(self, value: Any) -> bool:
        """Whether a value does.

        Raises:
            Unsayable: it would take too long to tell, or hangs on references.
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
    """The names of all properties that are made."""
    named = [name for part in parts for name in part.schema.get("properties", {})]
    return list(dict.fromkeys([*named, *(name for part in parts for name in part.schema.get("required", ()))]))


class Facts:
    """What tells an alternative from others. ``kinds`` are made of it, ``allowed`` those that it allows; ``fixed`` are
    the texts that properties may have, where these are listed."""

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
