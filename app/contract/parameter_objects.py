"""Parameters as a document describes them, read to what a request is held against."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

from ..errors import DocumentError, UnusablePart
from .document import Document
from .media import split_type
from .parameters import STYLES, Parameter, style_of
from .pointers import pointer_to
from .shapes import Shape

log = logging.getLogger("parley")

# What these header fields mean is not for a parameter to say (OpenAPI Specification, "Parameter Object").
_NOT_PARAMETERS = frozenset({"accept", "content-type", "authorization"})


def read_parameters(document: Document, node: Any, item: Any, base: str, item_pointer: str) -> tuple[Parameter, ...]:
    """The parameters of an operation (``node``, at the pointer ``base``) and of its path item.

    Raises:
        DocumentError: one has no name or no place, or a reference is broken.
    """
    found: dict[tuple[str, str], Parameter] = {}
    for owner, at in ((node, base), (item, item_pointer)):
        for index, parameter in enumerate(owner.get("parameters") or []):
            parameter, pointer = document.resolve(parameter)
            if not isinstance(parameter, dict) or not {"name", "in"} <= set(parameter):
                raise UnusablePart(
                    f"{document.source}: a parameter at {at + pointer_to('parameters', index)} has no name or no place "
                    "(in)."
                )
            key = (parameter["name"], parameter["in"])
            if key in found or (key[1] == "header" and key[0].lower() in _NOT_PARAMETERS):
                continue  # the operation's own parameter stands before the path's
            found[key] = read_parameter(document, parameter, pointer or at + pointer_to("parameters", index))
    names = Counter(name for name, _ in found)
    return tuple(replace(made, is_namesake=names[made.name] > 1) for made in found.values())


def read_parameter(document: Document, node: Any, pointer: str) -> Parameter:
    """The parameter or header at a pointer."""
    holder, media_type = node, None
    if node.get("content"):
        media_type, holder = next(iter(node["content"].items()))  # it has exactly one entry
        pointer += pointer_to("content", media_type)
    style, explode = style_of(node, node["in"])
    if style not in STYLES.get(node["in"], ()):
        log.warning("%s: there is no style %s in the %s; it is read as the default one", pointer, style, node["in"])
    return Parameter(
        name=node["name"],
        location=node["in"],
        required=bool(node.get("required")) or node["in"] == "path",
        schema=pointer + "/schema" if "schema" in holder else None,
        shape=Shape(partial(follow, document), holder.get("schema", {})),
        style=style,
        explode=explode,
        allow_empty=bool(node.get("allowEmptyValue")) and node["in"] == "query",
        media_type=split_type(media_type)[0] if media_type else None,
    )


def follow(document: Document, schema: Any) -> Any:
    """A schema without a ``$ref`` at its top; beside one, 3.1 knows further rules and 3.0 knows none."""
    if not (isinstance(schema, dict) and isinstance(schema.get("$ref"), str)):
        return schema
    try:
        target, _ = document.resolve(schema)
    except DocumentError:
        # An ``$anchor``, which the validators know: its text is read as text. What leads nowhere they refuse.
        target = {}
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {"allOf": [target, beside]} if beside and not document.version.startswith("3.0") else target
