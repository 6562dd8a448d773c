"""Converts schemas to OpenAPI 3.0.

Rules that 3.0 expresses differently keep their meaning. Rules that it cannot express are left out, so that the result
allows more than the original and never less, and are reported as losses.

``nullable`` beside a reference or a union means what all authors and generators assume: null, or the reference or
union. Strictly by OpenAPI 3.0.3, it would have to be in each branch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ...contract.pointers import pointer_to
from ...contract.structure import transform
from ...jsontypes import Json
from .losses import Loss

# Maps a reference to a schema to the reference to use in the result.
Refer = Callable[[str], str]

# OpenAPI 3.0.3, section 4.7.24, except for the keywords below, which are converted.
_SAME = frozenset(
    {"title", "multipleOf", "maximum", "minimum", "maxLength", "minLength", "pattern", "maxItems", "minItems"}
    | {"uniqueItems", "maxProperties", "minProperties", "required", "enum", "description", "format", "default"}
    | {"readOnly", "writeOnly", "xml", "externalDocs", "example", "deprecated"}
)
_UNIONS = ("anyOf", "oneOf")
_ELSEWHERE = frozenset({"$ref", "type", "nullable", "items", "additionalProperties", *_UNIONS})
# Keywords that have no meaning after references are resolved.
_NOT_SAID = frozenset(
    {"$schema", "$id", "$anchor", "$dynamicAnchor", "$vocabulary", "$comment", "$defs", "definitions", "examples"}
)
_LOOSENING = frozenset(
    {"prefixItems", "contains", "minContains", "maxContains", "unevaluatedItems", "unevaluatedProperties"}
    | {"patternProperties", "propertyNames", "dependentRequired", "dependentSchemas", "if", "then", "else"}
    | {"$dynamicRef", "contentEncoding", "contentSchema"}
)
_BOUNDS = (("minimum", "exclusiveMinimum", max), ("maximum", "exclusiveMaximum", min))
# Keywords that apply to one type only.
_OF_TYPE: dict[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern"),
    "array": ("items", "minItems", "maxItems", "uniqueItems"),
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_ANNOTATIONS = frozenset({"title", "description", "deprecated", "example", "default", "externalDocs"})
NULL: Json = {"type": "string", "nullable": True, "enum": [None]}


class SchemaConverter:
    """Converts schemas of 2020-12. ``refer`` returns the reference to use in the result, ``resolve`` the target of a
    reference in the original, and ``lose`` is called with each loss."""

    def __init__(self, refer: Refer, resolve: Callable[[str], Any], lose: Callable[[Loss], None]) -> None:
        self._refer = refer
        self._resolve = resolve
        self._lose = lose

    def convert(self, node: Any, at: str) -> Any:
        """Return the converted schema at a pointer. The original is not modified."""
        if isinstance(node, bool):
            return {} if node else {"not": {}}
        if not isinstance(node, dict):
            return node
        result: Json = {}
        conditions: list[Json] = []  # additional rules, for allOf
        for key, value in node.items():
            if key in _SAME or key.startswith("x-"):
                result[key] = value
            elif key not in _ELSEWHERE:
                self._keyword(key, value, at + pointer_to(key), node, result)
        if "required" in result:
            result["required"] = list(dict.fromkeys(result["required"]))
            if not result["required"]:
                del result["required"]  # 3.0 requires at least one name
        if isinstance(result.get("enum"), list):
            result["enum"] = list({json.dumps(value): value for value in result["enum"]}.values())
        if isinstance(node.get("$ref"), str):
            conditions.append({"$ref": self._refer(node["$ref"])})
        self._lists(node, at, result)
        self._maps(node, at, result)
        nullable = self._unions(node, at, result, conditions) or node.get("nullable") is True
        _add_types(node.get("type"), nullable, result, conditions)
        if not result and len(conditions) == 1:
            return conditions[0]
        if conditions:
            result["allOf"] = [*conditions, *result.get("allOf", ())]
        return _in_order(result, node)

    def _keyword(self, key: str, value: Any, place: str, node: Json, result: Json) -> None:
        if key == "not" and self._loosens(value):
            self._lose(Loss(place, "what must not hold, as not all of it can be said", looser=True))
        elif key in ("allOf", "not", "properties"):
            result[key] = self._inner(value, place, named=key == "properties")
        elif key == "const":
            result["enum"] = [value]
        elif key == "examples" and isinstance(value, list) and value:
            result.setdefault("example", value[0])
            if len(value) > 1:
                self._lose(Loss(place, "all examples but the first", looser=False))
        elif key == "discriminator" and isinstance(value, dict):
            mapping = value.get("mapping") or {}
            named = {name: self._refer(to) if to.startswith("#") else to for name, to in mapping.items()}
            result[key] = {**value, "mapping": named} if mapping else value
        elif key in ("exclusiveMinimum", "exclusiveMaximum"):
            for plain, exclusive, stricter in _BOUNDS:
                if key == exclusive and not isinstance(value, bool):
                    inclusive = result.get(plain)
                    result[plain] = value if inclusive is None else stricter(value, inclusive)
                    # For equal bounds, the exclusive one is stricter.
                    result[exclusive] = result[plain] == value
        elif key == "contentMediaType":
            if value == "application/octet-stream" and "format" not in result:
                result["format"] = "binary"
            else:
                self._lose(Loss(place, "the media type of a text", looser=False))
        elif key == "contentEncoding" and value in ("base64", "base64url") and "format" not in result:
            result["format"] = "byte"
        elif key in _LOOSENING:
            if not (key == "unevaluatedProperties" and value is False and _is_simple(node)):
                self._lose(Loss(place, f"the rule {key}", looser=True))
        elif key not in _NOT_SAID:
            self._lose(Loss(place, f"the keyword {key}, which OpenAPI 3.0 does not know", looser=False))

    def _inner(self, value: Any, at: str, *, named: bool = False) -> Any:
        if isinstance(value, list):
            return [self.convert(each, at + pointer_to(index)) for index, each in enumerate(value)]
        if named and isinstance(value, dict):
            return {name: self.convert(each, at + pointer_to(name)) for name, each in value.items()}
        return self.convert(value, at)

    def _lists(self, node: Json, at: str, result: Json) -> None:
        """Convert items. ``prefixItems`` are merged: each item may match any of the item schemas."""
        places = [self.convert(each, f"{at}/prefixItems/{i}") for i, each in enumerate(node.get("prefixItems") or ())]
        rest = node.get("items")
        if rest is False:
            result["maxItems"] = min(len(places), result.get("maxItems", len(places)))
        elif "items" in node:
            places.append(self.convert(rest, at + "/items"))
        elif places:
            return  # the other items may be anything
        if places:
            unlike = [each for index, each in enumerate(places) if each not in places[:index]]
            result["items"] = unlike[0] if len(unlike) == 1 else {"anyOf": unlike}

    def _maps(self, node: Json, at: str, result: Json) -> None:
        """Convert rules for unnamed properties. If there are patterns, each property may match any of the schemas."""
        others = node.get("additionalProperties")
        if others is None and node.get("unevaluatedProperties") is False and _is_simple(node):
            others = False
        patterns = node.get("patternProperties") or {}
        if patterns and others is not None and others is not True:
            kinds = [self.convert(each, f"{at}/patternProperties{pointer_to(p)}") for p, each in patterns.items()]
            if others is not False:
                kinds.append(self.convert(others, at + "/additionalProperties"))
            result["additionalProperties"] = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        elif others is not None:
            is_plain = isinstance(others, bool)
            result["additionalProperties"] = others if is_plain else self.convert(others, at + "/additionalProperties")

    def _unions(self, node: Json, at: str, result: Json, conditions: list[Json]) -> bool:
        """Convert unions. Return whether a branch for null was removed, which ``nullable`` has to replace."""
        nullable = False
        for key in _UNIONS:
            if not isinstance(node.get(key), list):
                continue
            all_ = list(enumerate(node[key]))
            left = [(index, each) for index, each in all_ if not _is_null(each)]
            nullable = nullable or len(left) < len(all_)
            branches = [self.convert(each, f"{at}/{key}/{index}") for index, each in left]
            if len(branches) != 1 or len(left) == len(all_):
                if key == "oneOf" and len(branches) > 1 and any(self._loosens(each) for _, each in left):
                    self._lose(
                        Loss(f"{at}/oneOf", "that no two of these hold, as not all of them can be said", looser=True)
                    )
                    conditions.append({"anyOf": branches})
                elif branches:
                    result[key] = branches
                else:
                    conditions.append(NULL)
            elif "$ref" in branches[0] or (set(branches[0]) - _ANNOTATIONS) & set(result):
                conditions.append(branches[0])
            else:
                result.update({name: value for name, value in branches[0].items() if name not in result})
        return nullable

    def _loosens(self, schema: Any) -> bool:
        """Whether a schema, or one that it refers to, has a rule that is lost, so that its converted form allows
        more."""
        left, seen, found = [schema], set(), False

        def look(node: Json) -> Json:
            nonlocal found
            found = found or not _LOOSENING.isdisjoint(node)
            if isinstance(node.get("$ref"), str) and node["$ref"] not in seen:
                seen.add(node["$ref"])
                left.append(self._resolve(node["$ref"]))
            return node

        while left and not found:
            transform(left.pop(), look)
        return found


def _is_null(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    rules = {key: value for key, value in node.items() if key not in _ANNOTATIONS}
    return rules in ({"type": "null"}, {"const": None}, {"enum": [None]}, {"type": ["null"]})


def _is_simple(node: Json) -> bool:
    """Whether a schema has no other source of properties than those that it names itself."""
    return not any(key in node for key in ("allOf", "anyOf", "oneOf", "$ref", "if", "dependentSchemas"))


def _add_types(given: Any, nullable: bool, result: Json, conditions: list[Json]) -> None:
    """Add the types to a schema. In 3.0 a schema has a single type, and a separate keyword for null. ``nullable``: a
    branch of a union, or that keyword, already allows null."""
    listed = [given] if isinstance(given, str) else list(given or ())
    kinds = [kind for kind in listed if kind != "null" and not (kind == "integer" and "number" in listed)]
    values = result.get("enum")
    if listed == ["null"]:
        result.update(NULL)
    elif "null" in listed or not listed:
        # If the type allows null, the enum must contain it too; if a union allows it, the enum need not.
        nullable = (nullable or "null" in listed) if values is None else (nullable or None in values)
        if nullable and values is not None and None not in values:
            result["enum"] = [*values, None]
        if nullable:
            result["nullable"] = True
    if len(kinds) == 1:
        result["type"] = kinds[0]
        if kinds[0] == "array":
            result.setdefault("items", {})
    elif kinds:
        branches = [{"type": kind, **({"items": {}} if kind == "array" else {}), **_of(kind, result)} for kind in kinds]
        for key in {key for kind in kinds for key in _of(kind, result)}:
            del result[key]
        if "anyOf" in result:
            conditions.append({"anyOf": branches})
        else:
            result["anyOf"] = branches


def _in_order(result: Json, original: Json) -> Json:
    """Return the keywords in the author's order. New keywords take the place of those that they replace."""
    places = {key: place for place, key in enumerate(original)}
    for new, old in (("nullable", "type"), ("enum", "const"), ("example", "examples"), ("allOf", "$ref")):
        places.setdefault(new, places.get(old, len(places)))
    return dict(sorted(result.items(), key=lambda item: places.get(item[0], len(places))))


def _of(kind: str, schema: Json) -> Json:
    return {key: schema[key] for key in _OF_TYPE.get(kind, ()) if key in schema}
