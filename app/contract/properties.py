"""Every property that a schema of the document names, nested ones too, as paths.

A path is written as an error's ``param`` is, with ``[]`` for any item: ``messages[].content[].type``. The branches of a
union are laid over each other. A map with names of the client's own choosing (``additionalProperties``) is a leaf, and
so is a schema that a client sends.
"""

from __future__ import annotations

from typing import Any

from ..jsontypes import Json
from .document import Document
from .pointers import reference_to

_UNIONS = ("allOf", "anyOf", "oneOf")


def property_paths(document: Document, schema: object) -> list[str]:
    """The paths below a schema of the document, each once, a parent before its children.

    Raises:
        ConfigurationError: a reference is broken.
    """
    found: dict[str, None] = {}
    _walk(document, schema, "", found, ())
    return list(found)


def defaults(document: Document, pointer: str) -> Json:
    """The defaults of the properties of an object's schema, by name, those of all branches of a union together.

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
        return  # a schema inside itself says nothing new
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
