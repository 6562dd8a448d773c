"""A document in the words of the next newer version of OpenAPI: of 3.0 in 3.1, and of 3.1 in 3.2.

Nothing is lost on the way, and what both versions have in common stays as it is.
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

# The text that ends a stream of events, where a document of 3.1 tells of one: that version has no words for it.
SENTINEL = "x-parley-sentinel"
_BASE_DIALECT = "https://spec.openapis.org/oas/3.1/dialect/"
_EXCLUSIVE = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
_CONTENTS = ("request body", "response", "parameter", "header")


def from_3_0(document: Document) -> Json:
    """A document of OpenAPI 3.0 in 3.1."""

    def visit(kind: str, node: Json, at: str) -> Any:
        if kind == "document":
            return {**node, "openapi": "3.1.0"}
        return _newer_schema(node) if kind == "schema" else node

    return walked(document, visit)


def from_3_1(document: Document) -> Json:
    """A document of OpenAPI 3.1 in 3.2: what it says of the data of events it says of the events.

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
                del node["jsonSchemaDialect"]  # that of the version is meant
        return node

    return walked(document, visit)


def _newer_schema(node: Json) -> Any:
    """A schema of 3.0, whose parts are of 3.1 already (OpenAPI 3.1.0, "Schema Object")."""
    if isinstance(node.get("$ref"), str):
        return {"$ref": node["$ref"]}  # what stands beside it was ignored
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
    """A media type of a sequence, with its schema as that of each item."""
    framing = framing_of(media_type)
    if framing is None or not isinstance(media, dict) or "schema" not in media:
        return media
    schema, _ = document.resolve(media["schema"])
    kind = schema.get("type") if isinstance(schema, dict) else None
    if framing != "events":
        return media if kind == "array" else _with_items(media, media["schema"])
    if kind == "string":
        return media  # it is of the stream as a text
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
    """A media type with what is said of each item where its schema stands."""
    return dict(("itemSchema", item) if name == "schema" else (name, value) for name, value in media.items())


def _examples(document: Document, media: Json) -> Json:
    """Examples of the data of one event, or of several, as the events are sent."""
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
