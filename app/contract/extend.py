"""Adds properties to the request body of an operation, in a copy of its document."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from ..jsontypes import Json
from .document import Document
from .operations import Operation
from .pointers import reference_to
from .properties import property_paths


def extend_request(document: Document, operation: Operation, properties: Mapping[str, Json]) -> Document:
    """Return the document with properties added to the JSON body of an operation. Existing properties are unchanged.

    Raises:
        ConfigurationError: a reference is broken.
    """
    pointer = operation.request_schemas.get("application/json")
    if pointer is None:
        return document
    content = copy.deepcopy(document.content)
    extended = Document(content, source=document.source)
    schema, _ = extended.resolve({"$ref": reference_to(pointer)})
    known = property_paths(extended, schema)
    owner = _owner(extended, schema)
    added = {name: dict(form) for name, form in properties.items() if name not in known}
    owner["properties"] = {**(owner.get("properties") or {}), **added}
    return Document(content, source=document.source, files=document.files)  # serializes the changed content


def _owner(document: Document, schema: Json) -> Json:
    """Return the object schema that properties are added to: in a composition, the last branch that forbids additional
    properties, else the last one that names properties."""
    if "properties" in schema:
        return schema
    branches = [document.resolve(branch)[0] for branch in schema.get("allOf") or ()]
    naming = [branch for branch in branches if "properties" in branch or "allOf" in branch]
    closed = [branch for branch in naming if branch.get("additionalProperties") is False]
    return _owner(document, (closed or naming)[-1]) if naming else schema
