"""How an OpenAPI document is walked: which keys hold schemas and other objects of the standard, which hold names of
the author's own, and which hold plain data that nothing may be read into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .pointers import unescape as unescape

Json = dict[str, Any]

# The parts of other files, by their paths relative to the document's folder, in a document made of several.
FILES = "x-parley-files"

# Values of these are data: whatever looks like a keyword in them is none.
_DATA = frozenset({"enum", "const", "default", "example", "value", "required", "discriminator", "mapping"})
# Values of these are maps from names, which may be called anything, ``default`` or ``$ref`` too.
_MAPS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
    | {"schemas", "responses", "requestBodies", "headers", "pathItems", "paths", "webhooks", "callbacks"}
    | {"content", "encoding", "links", "securitySchemes", FILES}
)


def transform(node: object, visit: Callable[[Json], Any], *, names: bool = False) -> Any:
    """A copy of a document or a part of it in which every object of the standard has gone through ``visit``, the
    inner ones first. ``names``: the keys of the node are names."""
    if isinstance(node, list):
        return [transform(item, visit) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: transform(value, visit) for name, value in node.items()}
    result: Json = {}
    for key, value in node.items():
        if key in _MAPS and isinstance(value, dict):
            result[key] = transform(value, visit, names=True)
        elif key == "parameters" and isinstance(value, dict):
            # In components a map from names; in a link, of data, which have nothing to be found.
            result[key] = transform(value, visit, names=True)
        elif key == "examples" and isinstance(value, dict):
            # A map of Example objects or references to them; what an example says is data.
            result[key] = {
                name: visit(dict(item)) if isinstance(item, dict) and "$ref" in item else item
                for name, item in value.items()
            }
        elif key in _DATA or key == "examples" or (key.startswith("x-") and key != FILES):
            result[key] = value
        else:
            result[key] = transform(value, visit)
    return visit(result)
