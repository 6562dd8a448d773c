"""Reads the parameters that a document describes into the form that requests are validated against."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

from ..errors import DocumentError, UnusablePart
from .content import content_of
from .document import Document
from .media import FORM, split_type
from .parameters import STYLES, Encoding, Parameter, style_of
from .pointers import pointer_to
from .shapes import Shape

log = logging.getLogger("parley")

# Parameters with these header names are ignored (OpenAPI Specification, "Parameter Object").
_NOT_PARAMETERS = frozenset({"accept", "content-type", "authorization"})


def read_parameters(document: Document, node: Any, item: Any, base: str, item_pointer: str) -> tuple[Parameter, ...]:
    """Return the parameters of an operation (``node``, at the pointer ``base``) and of its path item.

    Raises:
        DocumentError: one has no name or no location, or a reference is broken.
    """
    found: dict[tuple[str, str], Parameter] = {}
    for owner, at in ((node, base), (item, item_pointer)):
        for index, parameter in enumerate(owner.get("parameters") or []):
            parameter, pointer = document.resolve(parameter)
            if not isinstance(parameter, dict) or not {"name", "in"} <= set(parameter):
                raise UnusablePart(
                    f"{document.source}: a parameter at {at + pointer_to('parameters', index)} lacks its name or its "
                    "location (in)."
                )
            key = (parameter["name"], parameter["in"])
            if key in found or (key[1] == "header" and key[0].lower() in _NOT_PARAMETERS):
                continue  # the operation's own parameter overrides the path's
            found[key] = read_parameter(document, parameter, pointer or at + pointer_to("parameters", index))
    _check_querystring(document, found, base)
    names = Counter(name for name, _ in found)
    return tuple(replace(made, is_namesake=names[made.name] > 1) for made in found.values())


def _check_querystring(document: Document, found: Collection[tuple[str, str]], base: str) -> None:
    """Check that there is no other query parameter besides a ``querystring`` parameter (OpenAPI 3.2.0, "Parameter
    Locations").

    Raises:
        DocumentError: there is one.
    """
    places = [place for _, place in found]
    if places.count("querystring") > 1 or {"query", "querystring"} <= set(places):
        raise UnusablePart(
            f"{document.source}: {base}: a parameter in: querystring is the whole query; there is no other one in: "
            "querystring or in: query beside it."
        )


def read_parameter(document: Document, node: Any, pointer: str) -> Parameter:
    """Read the parameter or header at a pointer."""
    holder, media_type, at = node, None, pointer
    if node.get("content"):
        media_type, described = next(iter(content_of(document, node, pointer).items()))  # it has exactly one entry
        holder, at = described.node, described.pointer
    kind = split_type(media_type)[0] if media_type else None
    shape = Shape(partial(follow, document), holder.get("schema", {}))
    encodings = None
    if node["in"] == "querystring":
        if media_type is None:
            raise UnusablePart(
                f"{document.source}: {pointer}: a parameter in: querystring has no content; write content with one "
                f"media type, such as {FORM}, and the schema in it."
            )
        if kind == FORM:
            encodings = read_encodings(document, holder.get("encoding") or {}, at)
    style, explode = style_of(node, node["in"])
    if style not in STYLES.get(node["in"], ()):
        log.warning("%s: there is no style %s in the %s; it is read as the default one", pointer, style, node["in"])
    return Parameter(
        name=node["name"],
        location=node["in"],
        required=bool(node.get("required")) or node["in"] == "path",
        schema=at + "/schema" if "schema" in holder else None,
        shape=shape,
        style=style,
        explode=explode,
        allow_empty=bool(node.get("allowEmptyValue")) and node["in"] == "query",
        media_type=kind,
        encodings=encodings,
    )


def read_encodings(document: Document, node: Any, pointer: str, below: str = "/encoding") -> dict[str, Encoding]:
    """Return the encodings of the properties of a form, from the ``encoding`` of the media type at a pointer."""
    found = {}
    for name, encoding in node.items():
        at = pointer + below + pointer_to(name)
        headers = [
            read_parameter(document, {**header, "name": key, "in": "header"}, there or at + pointer_to("headers", key))
            for key, (header, there) in (
                (key, document.resolve(header)) for key, header in (encoding.get("headers") or {}).items()
            )
            if key.lower() != "content-type"  # ``contentType`` specifies it
        ]
        # Without any of these, the media types specify how a value is encoded.
        styled = any(key in encoding for key in ("style", "explode", "allowReserved"))
        found[name] = Encoding(
            media_types=tuple(part.strip().lower() for part in encoding.get("contentType", "").split(",") if part),
            style=style_of(encoding, "query") if styled else None,
            headers=tuple(headers),
        )
    return found


def follow(document: Document, schema: Any) -> Any:
    """Return a schema without a ``$ref`` at its top. Siblings of ``$ref`` apply in 3.1, and are ignored in 3.0."""
    if not (isinstance(schema, dict) and isinstance(schema.get("$ref"), str)):
        return schema
    try:
        target, _ = document.resolve(schema)
    except DocumentError:
        # An ``$anchor``, which only validators resolve: values are read as text. Validators reject broken references.
        target = {}
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {"allOf": [target, beside]} if beside and not document.version.startswith("3.0") else target
