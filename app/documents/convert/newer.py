"""Converts a document to the next newer version of OpenAPI: from 3.0 to 3.1, and from 3.1 to 3.2.

Nothing is lost, and everything that both versions have in common is unchanged.
"""

from __future__ import annotations

import json
from typing import Any

from ...contract.document import Document
from ...contract.events import event_data
from ...contract.media import split_type
from ...contract.pointers import pointer_to
from ...contract.sequences import framing_of
from ...jsontypes import Json
from .walking import walked

# The extension for the text that ends a stream of events in a document of 3.1, which cannot express it otherwise.
SENTINEL = "x-parley-sentinel"
_BASE_DIALECT = "https://spec.openapis.org/oas/3.1/dialect/"
_EXCLUSIVE = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
_CONTENTS = ("request body", "response", "parameter", "header")


def from_3_0(document: Document) -> Json:
    """Convert a document of OpenAPI 3.0 to 3.1."""

    def visit(kind: str, node: Json, at: str) -> Any:
        if kind == "document":
            return {**node, "openapi": "3.1.0"}
        return _newer_schema(node) if kind == "schema" else node

    return walked(document, visit)


def from_3_1(document: Document) -> Json:
    """Convert a document of OpenAPI 3.1 to 3.2: schemas of the data of events become schemas of the events.

    Raises:
        DocumentError: a reference is broken.
    """

    def visit(kind: str, node: Json, at: str) -> Any:
        if kind in _CONTENTS and isinstance(node.get("content"), dict):
            content = {
                name: _sequence(document, split_type(name)[0], media, at + pointer_to("content", name))
                for name, media in node["content"].items()
            }
            return {**node, "content": content}
        if kind == "document":
            node = {**node, "openapi": "3.2.0"}
            if str(node.get("jsonSchemaDialect", "")).startswith(_BASE_DIALECT):
                del node["jsonSchemaDialect"]  # the default of the version applies
        return node

    return walked(document, visit)


def _newer_schema(node: Json) -> Any:
    """Convert a schema of 3.0 whose parts are already converted to 3.1 (OpenAPI 3.1.0, "Schema Object")."""
    if isinstance(node.get("$ref"), str):
        return {"$ref": node["$ref"]}  # siblings of $ref were ignored in 3.0
    for bound, exclusive in _EXCLUSIVE:
        if isinstance(node.get(exclusive), bool) and node.pop(exclusive) and bound in node:
            node[exclusive] = node.pop(bound)
    if node.get("format") == "binary":
        del node["format"]
        node.setdefault("contentMediaType", "application/octet-stream")
    elif node.get("format") == "byte":
        del node["format"]
        node["contentEncoding"] = "base64"
    if node.pop("nullable", False) is not True:
        return node
    if isinstance(node.get("type"), str) and not {"allOf", "anyOf", "oneOf", "not"} & node.keys():
        node["type"] = [node["type"], "null"]
        if isinstance(node.get("enum"), list) and None not in node["enum"]:
            node["enum"] = [*node["enum"], None]
        return node
    return {"anyOf": [node, {"type": "null"}]}


def _sequence(document: Document, media_type: str, media: Any, at: str) -> Any:
    """Return a media type object of a sequence, with its schema as the schema of each item."""
    framing = framing_of(media_type)
    if framing is None or not isinstance(media, dict) or "schema" not in media:
        return media
    schema, _ = document.resolve(media["schema"])
    kind = schema.get("type") if isinstance(schema, dict) else None
    if framing != "events":
        return media if kind == "array" else _with_items(media, media["schema"])
    if kind == "string":
        return media  # it describes the stream as text
    made = {name: value for name, value in media.items() if name not in ("example", "examples", SENTINEL)}
    if event_data(document, at + "/schema") != at + "/schema":
        item = media["schema"]
    else:
        data = {"type": "string", "contentMediaType": "application/json", "contentSchema": media["schema"]}
        item = {"type": "object", "required": ["data"], "properties": {"event": {"type": "string"}, "data": data}}
    if isinstance(media.get(SENTINEL), str):
        last = {"type": "string", "enum": [media[SENTINEL]]}
        item = {"oneOf": [item, {"type": "object", "required": ["data"], "properties": {"data": last}}]}
    made = _with_items(made, item)
    examples = _examples(document, media)
    return {**made, "examples": examples} if examples else made


def _with_items(media: Json, item: Any) -> Json:
    """Return a media type object with its ``schema`` replaced by an ``itemSchema``, in the same place."""
    return dict(("itemSchema", item) if name == "schema" else (name, value) for name, value in media.items())


def _examples(document: Document, media: Json) -> Json:
    """Convert examples of the data of one event, or of several, to serialized events."""
    found = {}
    if "example" in media:
        found["example"] = {"serializedValue": _sent(media["example"])}
    for name, example in (media.get("examples") or {}).items():
        example, _ = document.resolve(example)
        if isinstance(example, dict) and "value" in example:
            rest = {key: value for key, value in example.items() if key != "value"}
            example = {**rest, "serializedValue": _sent(example["value"])}
        found[name] = example
    return found


def _sent(value: Any) -> str:
    if isinstance(value, list):
        return "".join(map(_sent, value))
    if isinstance(value, str):
        return value
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"
