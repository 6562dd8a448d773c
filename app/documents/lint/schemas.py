"""Checks schemas: keywords that a version does not have, rules that no value can satisfy, tags that no branch has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ...contract.schemas import compile_schema
from ...jsontypes import Json
from .fields import REGISTERED_FORMATS
from .objects import Objects
from .positions import Location

_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_BOUNDS = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minContains", "maxContains"),
)
# These keywords are sufficient to check whether a value of an enum can ever be valid.
_OF_SCALARS = ("minLength", "maxLength", "minimum", "maximum", "pattern", "multipleOf")


def check_schemas(objects: Objects) -> None:
    """Add findings for every schema, each checked on its own."""
    for location, node in objects.nodes["Schema"].items():
        if isinstance(node, dict) and not (objects.is_3_0 and "$ref" in node):
            _check_leftovers(objects, location, node)
            _check_patterns(objects, location, node)
            _check_rules(objects, location, node)
            _check_discriminator(objects, location, node)


def _check_leftovers(objects: Objects, at: Location, node: Json) -> None:
    if not objects.is_3_0 and "nullable" in node:
        objects.findings.warning(
            at.child("nullable"),
            "leftover-of-3.0",
            "nullable is not a keyword since 3.1; this server applies it, other tools do not",
            "add null to the types, such as type: [string, 'null']",
        )
    for name in ("exclusiveMinimum", "exclusiveMaximum"):
        if name in node and isinstance(node[name], bool) is not objects.is_3_0:
            objects.findings.warning(
                at.child(name),
                "leftover-of-3.0" if not objects.is_3_0 else "unknown-field",
                f"{name} is {'true or false in 3.0 and' if objects.is_3_0 else 'a number since 3.1, not'} "
                f"{'a number since 3.1' if objects.is_3_0 else 'true or false'}",
                f"write {name}: true beside the bound" if objects.is_3_0 else f"write the bound itself as {name}",
            )
    if objects.is_3_0 and (isinstance(node.get("type"), list) or node.get("type") == "null"):
        objects.findings.warning(
            at.child("type"),
            "unknown-field",
            "lists of types, and the type null, need OpenAPI 3.1",
            "write one type, and nullable: true",
        )
    if objects.is_3_0 and node.get("type") == "array" and "items" not in node:
        objects.findings.warning(at, "missing-field", "items is missing, which 3.0 requires", "add items")


def _check_patterns(objects: Objects, at: Location, node: Json) -> None:
    patterns = [(at.child("pattern"), node.get("pattern"))]
    properties = node.get("patternProperties")
    patterns += [(at.child("patternProperties", pattern), pattern) for pattern in _dict(properties)]
    for place, pattern in patterns:
        if isinstance(pattern, str) and not _compiles(pattern):
            objects.findings.add(
                place,
                "error" if at in objects.served else "warning",
                "invalid-pattern",
                "the pattern is not a regular expression (ECMA-262)",
                "correct it; in a double-quoted string, a backslash is written twice",
            )


@lru_cache(maxsize=4096)
def _compiles(pattern: str) -> bool:
    try:
        compile_schema({"pattern": pattern})
    except Exception:  # each library has its own exceptions
        return False
    return True


def _check_rules(objects: Objects, at: Location, node: Json) -> None:
    kinds = node["type"] if isinstance(node.get("type"), list) else [node.get("type", "string")]
    for kind in kinds or [""]:
        if isinstance(kind, str) and kind not in _TYPES:
            objects.findings.add(
                at.child("type"),
                "error" if at in objects.served else "warning",
                "unknown-type",
                "there is no such type",
                f"write one of {', '.join(_TYPES)}",
            )
    if isinstance(node.get("format"), str) and node["format"] not in REGISTERED_FORMATS:
        objects.findings.warning(
            at.child("format"),
            "unknown-format",
            f"the format {node['format']} is not registered and not enforced",
            "use one from OpenAPI's format registry, a pattern, or a description",
        )
    for low, high in _BOUNDS:
        if _number(node.get(low)) and _number(node.get(high)) and node[low] > node[high]:
            objects.findings.warning(
                at.child(low),
                "empty-range",
                f"{low} is greater than {high}, so no value is valid",
                "swap them or correct one",
            )
    _check_required(objects, at, node)
    _check_enum(objects, at, node)


def _check_required(objects: Objects, at: Location, node: Json) -> None:
    required, properties = node.get("required"), _dict(node.get("properties"))
    if node.get("additionalProperties") is not False or not isinstance(required, list):
        return
    patterns = list(_dict(node.get("patternProperties")))
    for index, name in enumerate(required):
        if isinstance(name, str) and name not in properties and not any(_matches(p, name) for p in patterns):
            objects.findings.warning(
                at.child("required", index),
                "impossible-required",
                f"{name} is required but not among the properties, and others are forbidden: no value is valid",
                f"add {name} to properties, or take it out of required",
            )


def _matches(pattern: str, name: str) -> bool:
    try:
        return compile_schema({"pattern": pattern}).is_valid(name)
    except Exception:  # reported by another finding
        return True


def _check_enum(objects: Objects, at: Location, node: Json) -> None:
    values = node.get("enum")
    if not isinstance(values, list):
        return
    if not values:
        objects.findings.warning(at.child("enum"), "unreachable-enum", "no value is listed", "list the values")
    kinds = node.get("type")
    rules = {name: node[name] for name in _OF_SCALARS if name in node}
    if kinds is not None:
        rules["type"] = kinds
    try:
        validator = compile_schema(rules) if rules else None
    except Exception:  # reported by other findings
        validator = None
    for index, value in enumerate(values):
        if value in values[:index] and not isinstance(value, bool | int | float):
            objects.findings.warning(
                at.child("enum", index), "duplicate-enum", "the value is listed twice", "leave one out"
            )
        elif validator and not validator.is_valid(value) and not (value is None and node.get("nullable") is True):
            objects.findings.warning(
                at.child("enum", index),
                "unreachable-enum",
                f"the value does not fit {' and '.join(rules)} beside it, so it is never accepted",
                "take it out, or correct the rule",
            )


def _check_discriminator(objects: Objects, at: Location, node: Json) -> None:
    discriminator = node.get("discriminator")
    name = discriminator.get("propertyName") if isinstance(discriminator, dict) else None
    if not isinstance(name, str):
        return
    branches = [
        (at.child(union, index), branch)
        for union in ("oneOf", "anyOf")
        for index, branch in _parts(node, union)
        if branch != {"type": "null"}
    ]
    for place, branch in branches or [(at, node)]:
        if not _has_property(objects, place, branch, name, 0):
            named = str(branch.get("$ref", "")) if isinstance(branch, dict) else ""
            objects.findings.warning(
                place,
                "discriminator-without-property",
                f"{named.rpartition('/')[2] or 'the schema'} lacks the property {name}, which the discriminator needs",
                f"add {name} to its properties and to required",
            )


def _has_property(objects: Objects, at: Location, node: object, name: str, depth: int) -> bool:
    followed = objects.follow(at, node)
    if followed is None or depth > 16:
        return True  # reported by another finding
    target, found = followed
    if not isinstance(found, dict):
        return False
    if name in _dict(found.get("properties")):
        return True
    if any(_has_property(objects, target.child("allOf", i), b, name, depth + 1) for i, b in _parts(found, "allOf")):
        return True
    unions = [(union, part) for union in ("oneOf", "anyOf") for part in _parts(found, union)]
    return bool(unions) and all(
        _has_property(objects, target.child(union, i), branch, name, depth + 1) for union, (i, branch) in unions
    )


def _parts(node: Json, keyword: str) -> Iterator[tuple[int, Any]]:
    parts = node.get(keyword)
    return enumerate(parts) if isinstance(parts, list) else iter(())


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
