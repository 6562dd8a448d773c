"""Converts the schemas of a document to JSON Schema 2020-12, for one direction of an exchange.

The keywords that only OpenAPI 3.0 has are translated to those of 2020-12. So is what OpenAPI adds to schemas in both
versions: ``discriminator``, ``readOnly`` and ``writeOnly``, and the ranges that the formats of numbers imply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from ..jsontypes import Json
from .pointers import last_token, pointer_in
from .structure import transform

Direction = Literal["request", "response"]

# A property with this mark is not allowed in that direction.
_FOREIGN: dict[str, str] = {"request": "readOnly", "response": "writeOnly"}

# OpenAPI 3.1.1, section 4.4.2: the formats of numbers.
_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}

# Keywords without effect on validation (JSON Schema 2020-12, Validation, section 9), and their required types.
_ANNOTATIONS: dict[str, type] = {
    "title": str,
    "description": str,
    "$comment": str,
    "examples": list,
    "deprecated": bool,
    "readOnly": bool,
    "writeOnly": bool,
}

_COMPONENTS = "#/components/schemas/"

# Equivalent to `false`, for which jsonschema does not report the place.
NOTHING: Json = {"not": {}}

Resolve = Callable[[Any], Any]


def upgrade(part: object, *, version: str, resolve: Resolve, direction: Direction | None = None) -> Any:
    """Return a part of a document with every schema in 2020-12 form, at the same pointers. ``resolve`` follows a
    reference of the document. If ``direction`` is None, ``readOnly`` and ``writeOnly`` have no effect."""
    old = version.startswith("3.0")
    foreign = _FOREIGN[direction] if direction else None

    def visit(node: Json) -> Json:
        reference = node.get("$ref")
        if old and isinstance(reference, str):
            return {"$ref": reference}  # OpenAPI 3.0: siblings of $ref are ignored
        if foreign is not None:
            _drop_foreign(node, foreign, resolve)
        _mend(node)
        _turn_exclusive(node)
        _bound_format(node)
        _turn_discriminator(node, resolve)
        # `nullable` remains in many 3.1 documents too. Null is allowed even if an enum or a $ref excludes it, because
        # that is what every author of `nullable: true` means.
        if node.get("nullable") in (True, False) and node.pop("nullable"):
            return {"anyOf": [node, {"type": "null"}]}
        return node

    return transform(part, visit)


def has_directions(text: bytes) -> bool:
    """Whether a document, as compact JSON, marks any property as readable or writable only."""
    return b'"readOnly":true' in text or b'"writeOnly":true' in text


def _mend(node: Json) -> None:
    """Fix common mistakes with only one possible meaning: ``type: null`` without quotes, a name that is required twice.
    Remove annotations of the wrong type, which have no effect: ``examples`` as a map, a ``title`` that is a number.
    """
    for name, kind in _ANNOTATIONS.items():
        if name in node and not isinstance(node[name], kind):
            del node[name]
    if "type" in node and node["type"] is None:
        node["type"] = "null"
    if isinstance(required := node.get("required"), list) and len(set(map(str, required))) < len(required):
        node["required"] = list(dict.fromkeys(required))


def _turn_exclusive(node: Json) -> None:
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(node.get(exclusive), bool) and node.pop(exclusive) and limit in node:
            node[exclusive] = node.pop(limit)


def _bound_format(node: Json) -> None:
    bounds = _RANGES.get(node["format"]) if isinstance(node.get("format"), str) else None
    kinds = node.get("type")
    if bounds is not None and {"integer", "number"} & set(kinds if isinstance(kinds, list) else [kinds]):
        low, high = bounds
        node["minimum"] = max(low, node.get("minimum", low))
        node["maximum"] = min(high, node.get("maximum", high))


def _drop_foreign(node: Json, mark: str, resolve: Resolve) -> None:
    """Forbid the properties that only the other side may send, and remove them from ``required``."""
    names = _marked(node, mark, resolve, 0)
    if not names:
        return
    properties = node.get("properties")
    if isinstance(properties, dict):
        node["properties"] = {name: NOTHING if name in names else schema for name, schema in properties.items()}
    for part in (node, *(part for part in node.get("allOf") or () if isinstance(part, dict))):
        if isinstance(part.get("required"), list):
            part["required"] = [name for name in part["required"] if name not in names]


def _marked(node: object, mark: str, resolve: Resolve, depth: int) -> set[str]:
    if not isinstance(node, dict) or depth > 8:
        return set()
    names = set()
    properties = node.get("properties")
    for name, schema in properties.items() if isinstance(properties, dict) else ():
        schema = _target(schema, resolve)
        # A schema that was already processed has `NOTHING` instead of the mark.
        if schema is NOTHING or (isinstance(schema, dict) and schema.get(mark) is True):
            names.add(name)
    for part in node.get("allOf") or ():
        names |= _marked(_target(part, resolve), mark, resolve, depth + 1)
    return names


def _target(schema: object, resolve: Resolve) -> Any:
    if isinstance(schema, dict) and isinstance(schema.get("$ref"), str) and schema["$ref"].startswith("#/"):
        return resolve(schema)
    return schema


def _turn_discriminator(node: Json, resolve: Resolve) -> None:
    """Restrict each branch of a union to the discriminator values that select it (OpenAPI 3.1.1, section 4.8.25): those
    of the mapping, and its name. A branch that itself lists its values is restricted to its values in the mapping. It
    stays unchanged if the mapping has none, as in many documents, or has values that the branch does not list."""
    discriminator = node.get("discriminator")
    name = discriminator.get("propertyName") if isinstance(discriminator, dict) else None
    if not isinstance(name, str) or not isinstance(discriminator, dict):
        return
    mapping = discriminator.get("mapping") or {}
    default = discriminator.get("defaultMapping")
    for union in ("oneOf", "anyOf"):
        branches = node.get(union)
        if not isinstance(branches, list):
            continue
        held = [_held(branch, name, mapping, resolve) for branch in branches]
        for index, branch in enumerate(branches):
            if isinstance(default, str) and _is_meant(branch, default):
                others = [pair for number, pair in enumerate(zip(branches, held, strict=True)) if number != index]
                if values := [value for one, kept in others for value in _values(one, kept, name, resolve)]:
                    held[index] = _held_to_rest(branch, name, values)
        node[union] = held


def _held(branch: object, name: str, mapping: Json, resolve: Resolve) -> Any:
    reference = branch.get("$ref") if isinstance(branch, dict) else None
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return branch
    own = last_token(pointer_in(reference))
    values = [value for value, target in mapping.items() if target in (reference, own)]
    said = _said(branch, name, resolve, 0)
    if said is not None:
        if not values or not all(value in said for value in values):
            return branch
        if _demands(branch, name, values, resolve):
            return branch  # it is restricted to them already, and a body has many messages
    elif not values or (own not in mapping and reference.startswith(_COMPONENTS)):
        values.append(own)
    held: Json = {"type": "object", "required": [name], "properties": {name: {"enum": values}}}
    return {"allOf": [branch, held]}


def _demands(branch: object, name: str, values: list[Any], resolve: Resolve) -> bool:
    """Whether a branch itself allows only objects that have a property with one of some values."""
    schema = _target(branch, resolve)
    if not isinstance(schema, dict) or schema.get("type") != "object" or schema.get("nullable"):
        return False
    required, properties = schema.get("required"), schema.get("properties")
    if not isinstance(required, list) or name not in required or not isinstance(properties, dict):
        return False
    rule = _target(properties.get(name), resolve)
    listed = rule.get("enum") if isinstance(rule, dict) and not rule.get("nullable") else None
    return isinstance(listed, list) and bool(listed) and all(value in values for value in listed)


def _is_meant(branch: object, meant: str) -> bool:
    """Whether a branch is the schema that a value of a mapping refers to."""
    reference = branch.get("$ref") if isinstance(branch, dict) else None
    return isinstance(reference, str) and meant in (reference, last_token(pointer_in(reference)))


def _held_to_rest(branch: Any, name: str, values: Iterable[Any]) -> Json:
    """Return the branch of ``defaultMapping``, restricted to objects whose discriminator value selects no other branch
    (OpenAPI 3.2.0, "Discriminator Object")."""
    return {"allOf": [branch, {"properties": {name: {"not": {"enum": list(values)}}}}]}


def _values(branch: Any, held: Any, name: str, resolve: Resolve) -> list[Any]:
    """Return the values of a discriminator that select a branch."""
    if held is branch:
        return _said(branch, name, resolve, 0) or []
    return list(held["allOf"][1]["properties"][name]["enum"])


def _said(schema: object, name: str, resolve: Resolve, depth: int) -> list[Any] | None:
    """Return the values that a schema lists for a property; None if it lists none."""
    schema = _target(schema, resolve)
    if not isinstance(schema, dict) or depth > 8:
        return None
    properties = schema.get("properties")
    rule = _target(properties.get(name), resolve) if isinstance(properties, dict) else None
    if isinstance(rule, dict) and isinstance(rule.get("enum"), list):
        return list(rule["enum"])
    if isinstance(rule, dict) and "const" in rule:
        return [rule["const"]]
    parts = [*(schema.get("allOf") or ()), *(schema.get("oneOf") or ()), *(schema.get("anyOf") or ())]
    found = [said for part in parts if (said := _said(part, name, resolve, depth + 1)) is not None]
    return [value for said in found for value in said] if found else None
