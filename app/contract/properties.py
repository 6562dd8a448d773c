"""The paths of all properties that a schema of the document names, including nested ones.

A path has the form of an error's ``param``, with ``[]`` for any item: ``messages[].content[].type``. The branches of a
union are merged. A map whose names the client chooses (``additionalProperties``) is a leaf, and so is a schema that a
client sends.
"""

from __future__ import annotations

from typing import Any

from ..jsontypes import Json
from .document import Document
from .pointers import reference_to

_UNIONS = ("allOf", "anyOf", "oneOf")


def property_paths(document: Document, schema: object) -> list[str]:
    """Return the paths below a schema of the document, each once, parents before their children.

    Raises:
        ConfigurationError: a reference is broken.
    """
    found: dict[str, None] = {}
    _walk(document, schema, "", found, ())
    return list(found)


def defaults(document: Document, pointer: str) -> Json:
    """Return the defaults of the properties of an object's schema by name, from all branches of its unions.

    Raises:
        ConfigurationError: a reference is broken.
    """
    found: Json = {}
    left: list[Any] = [{"$ref": reference_to(pointer)}]
    seen: set[str | None] = set()
    while left:
        schema, followed = document.resolve(left.pop())
        if not isinstance(schema, dict) or (followed is not None and followed in seen):
            continue
        seen.add(followed)
        for name, inner in (schema.get("properties") or {}).items():
            inner, _ = document.resolve(inner)
            if isinstance(inner, dict) and "default" in inner:
                found.setdefault(name, inner["default"])
        left += [branch for union in _UNIONS for branch in schema.get(union) or ()]
    return found


def _walk(document: Document, schema: object, at: str, found: dict[str, None], above: tuple[str, ...]) -> None:
    schema, pointer = document.resolve(schema)
    if not isinstance(schema, dict) or pointer in above:
        return  # a schema nested inside itself adds no new paths
    if pointer is not None:
        above = (*above, pointer)
    for name, inner in (schema.get("properties") or {}).items():
        path = f"{at}.{name}" if at else name
        found.setdefault(path)
        _walk(document, inner, path, found, above)
    if "items" in schema:
        _walk(document, schema["items"], at + "[]", found, above)
    for union in _UNIONS:
        for branch in schema.get(union) or ():
            _walk(document, branch, at, found, above)
