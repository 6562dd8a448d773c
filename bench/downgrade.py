"""Turns our OpenAPI 3.1 contract into 3.0.3, which is all that a stock Connexion loads.

Not a general converter: it covers what our contract says, as closely as 3.0 can. What 3.0 has no word for is left
out, so that the stock application has less to check, never more.
"""

from __future__ import annotations

from typing import Any

from app.jsontypes import Json

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
# Keywords of 2020-12 that 3.0 does not know.
_UNKNOWN = frozenset(
    {
        *("propertyNames", "patternProperties", "prefixItems", "contains", "minContains", "maxContains"),
        *("unevaluatedProperties", "unevaluatedItems", "dependentSchemas", "dependentRequired", "if", "then", "else"),
        *("examples", "example", "contentEncoding", "contentMediaType", "contentSchema"),
        *("$schema", "$id", "$anchor", "$comment", "$defs"),
    }
)
_UNIONS = ("anyOf", "oneOf", "allOf")


def downgrade(document: Json) -> Json:
    """A 3.0.3 document from a 3.1 one, which is left as it is."""
    info = {name: value for name, value in document["info"].items() if name not in ("summary", "license")}
    components = document.get("components", {})
    return {
        "openapi": "3.0.3",
        "info": info,
        "servers": document["servers"],
        "security": document.get("security", []),
        "tags": document.get("tags", []),
        "paths": {path: _path_item(item) for path, item in document["paths"].items()},
        "components": {
            "securitySchemes": components.get("securitySchemes", {}),
            "schemas": {name: schema(node) for name, node in components.get("schemas", {}).items()},
            "headers": {name: _carrier(node) for name, node in components.get("headers", {}).items()},
            "responses": {name: _carrier(node) for name, node in components.get("responses", {}).items()},
        },
    }


def _path_item(item: Json) -> Json:
    return {key: _carrier(value) if key in _METHODS else value for key, value in item.items()}


def _carrier(node: Any) -> Any:
    """What holds schemas at any depth: operations, responses, parameters, headers."""
    if isinstance(node, list):
        return [_carrier(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: schema(value) if key == "schema" else _carrier(value)
        for key, value in node.items()
        if key not in ("examples", "example")
    }


def schema(node: Any) -> Any:
    """One schema in the words of 3.0."""
    if node is True:
        return {}
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"]}  # 3.0 ignores what stands beside it
    result: Json = {}
    for key, value in node.items():
        if key in _UNKNOWN or (key == "default" and value is None):
            continue  # Connexion refuses a null default
        if key == "properties":
            result[key] = {name: schema(child) for name, child in value.items()}
        elif key in ("items", "not"):
            result[key] = schema(value)
        elif key == "additionalProperties":
            result[key] = value if isinstance(value, bool) else schema(value)
        elif key in ("anyOf", "oneOf"):
            result |= _union(key, value)
        elif key == "allOf":
            result[key] = [schema(branch) for branch in value]
        elif key == "const":
            result["enum"] = [value]
        elif key != "type":
            result[key] = value
    return _bounded(result) | _typed(node)


def _union(key: str, branches: list[Any]) -> Json:
    """A union; a branch for null becomes a word beside it, and one branch that is left needs no union."""
    left: list[Json] = [schema(branch) for branch in branches if branch != {"type": "null"}]
    if len(left) == len(branches):
        return {key: left}
    if len(left) == 1 and not any(union in left[0] for union in (*_UNIONS, "$ref")):
        return left[0] | {"nullable": True}
    return {key: left, "nullable": True}


def _typed(node: Json) -> Json:
    given = node.get("type")
    kinds = [given] if isinstance(given, str) else list(given or [])
    nullable: Json = {"nullable": True} if "null" in kinds else {}
    kinds = [kind for kind in kinds if kind != "null"]
    if not kinds:
        return nullable
    return nullable | ({"type": kinds[0]} if len(kinds) == 1 else {"anyOf": [{"type": kind} for kind in kinds]})


def _bounded(result: Json) -> Json:
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        value = result.get(exclusive)
        if value is not None and not isinstance(value, bool):
            result |= {limit: value, exclusive: True}
    return result
