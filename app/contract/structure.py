"""Traversal of an OpenAPI document: which keys hold schemas and other objects of the standard, which hold maps with
names that the author chose, and which hold plain data that must not be interpreted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..jsontypes import Json
from .pointers import JsonPath, pointer_to

# In a document bundled from several files: the parts of the other files, by paths relative to the document's folder.
FILES = "x-parley-files"

# The values of these keys are data: a key in them that looks like a keyword is not one.
_DATA = frozenset({"enum", "const", "default", "example", "value", "dataValue", "required", "discriminator", "mapping"})
# The values of these keys are maps from names, which may be anything, including ``default`` or ``$ref``.
_MAPS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
    | {"schemas", "responses", "requestBodies", "headers", "pathItems", "paths", "webhooks", "callbacks"}
    | {"content", "encoding", "links", "securitySchemes", "mediaTypes", "additionalOperations", FILES}
)


def since_3_2(version: object) -> bool:
    """Whether a version of OpenAPI has the features of 3.2."""
    return not str(version).startswith(("3.0", "3.1"))


def transform(node: object, visit: Callable[[Json], Any], *, names: bool = False) -> Any:
    """Return a copy of a document or a part of it in which every object of the standard is replaced by the result of
    ``visit``, inner objects first. ``names``: the keys of the node are names."""
    if isinstance(node, list):
        return [transform(item, visit) if isinstance(item, dict | list) else item for item in node]
    if not isinstance(node, dict):
        return node
    result: Json = {}
    for key, value in node.items():
        if not isinstance(value, dict | list):
            result[key] = value  # most values are scalars, and calls are slow
            continue
        inner = "node" if names else _inner(key, value)
        if inner == "examples" and isinstance(value, dict):
            result[key] = {name: transform(item, visit) if _refers(item) else item for name, item in value.items()}
        else:
            result[key] = value if inner == "data" else transform(value, visit, names=inner == "names")
    return result if names else visit(result)


def references(node: object, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield every reference in a document or a part of it, as pairs of the pointer of the object that contains it and
    the reference. ``pointer`` is the pointer of the part."""
    for path, reference in _references(node, ()):
        yield pointer + pointer_to(*path), reference


def _references(node: object, path: JsonPath, *, names: bool = False) -> Iterator[tuple[JsonPath, str]]:
    if isinstance(node, list):
        for index, item in enumerate(node):
            if isinstance(item, dict | list):
                yield from _references(item, (*path, index))
    elif isinstance(node, dict):
        if not names and isinstance(node.get("$ref"), str):
            yield path, node["$ref"]
        for key, value in node.items():
            if not isinstance(value, dict | list):
                continue
            inner = "node" if names else _inner(key, value)
            if inner == "examples" and isinstance(value, dict):
                value = {name: item for name, item in value.items() if _refers(item)}
            if inner != "data":
                yield from _references(value, (*path, key), names=inner in ("names", "examples"))


def _inner(key: str, value: object) -> str:
    """Return the kind of a field's value: ``node`` of the document, ``names`` for a map from names to nodes,
    ``examples`` or ``data``."""
    is_map = isinstance(value, dict)
    # In components, ``parameters`` is a map from names; in a link, it is a map of data, which contains no references.
    if is_map and (key in _MAPS or key == "parameters"):
        return "names"
    if key == "examples":
        # A map of Example Objects or references to them; the content of an example is data.
        return "examples" if is_map else "data"
    return "data" if key in _DATA or (key.startswith("x-") and key != FILES) else "node"


def _refers(node: object) -> bool:
    return isinstance(node, dict) and "$ref" in node
