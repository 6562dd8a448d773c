"""The responses that a document lists for an operation, in full: media types, schemas, examples and headers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...contract.content import Described, content_of
from ...contract.document import Document
from ...contract.media import is_json, split_type
from ...contract.methods import described_methods
from ...contract.operations import Operation
from ...contract.pointers import look_up, pointer_to
from ...contract.sequences import events_in, framing_of, texts_in
from ...jsontypes import Json


@dataclass(frozen=True, slots=True)
class ResponseMedia:
    """One media type of a response. ``schema`` is a pointer, ``examples`` maps names to values. ``is_item``: the schema
    describes an item of a sequence; in an event stream, a whole event. ``item`` is the pointer of the document's schema
    for items."""

    type: str
    schema: str | None
    examples: Mapping[str, Any]
    is_item: bool = False
    item: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """A header of a response, with its name in lower case. ``example`` is a tuple with one value, or empty."""

    name: str
    required: bool
    schema: str | None
    example: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Response:
    """One response: ``key`` is its status in the document (``200``, ``4XX``, ``default``)."""

    key: str
    media: tuple[ResponseMedia, ...]
    headers: tuple[Header, ...]

    @property
    def status(self) -> int:
        """The status to send if no other is requested: the first of a range, 200 for ``default``."""
        return 200 if self.key == "default" else int(self.key.replace("X", "0"))


def responses(document: Document, operation: Operation) -> dict[str, Response]:
    """Return the responses of an operation by status, in the document's order.

    Raises:
        ConfigurationError: a reference is broken.
    """
    item, item_pointer = document.resolve(document.paths[operation.path])
    below = dict(described_methods(item, document.version))[operation.method]
    at = (item_pointer or pointer_to("paths", operation.path)) + below
    described, there = document.resolve(look_up(item, below))
    base = (there or at) + pointer_to("responses")
    found = {}
    for status, node in (described.get("responses") or {}).items():
        node, pointer = document.resolve(node)
        key = str(status).upper() if str(status) != "default" else "default"
        if key != "default" and not (len(key) == 3 and key[0] in "12345" and set(key[1:]) <= set("0123456789X")):
            continue  # an extension
        at = pointer or base + pointer_to(status)
        content = [(name, each) for name, each in content_of(document, node, at).items()]
        found[key] = Response(
            key,
            tuple(
                # The operation determines the schema that responses are validated against.
                _media(document, operation, media_type, media, operation.responses[key].get(media_type.lower()))
                for media_type, media in content
            ),
            tuple(_header(document, name, header, at) for name, header in (node.get("headers") or {}).items()),
        )
    return found


def _media(
    document: Document, operation: Operation, media_type: str, described: Described, schema: str | None
) -> ResponseMedia:
    examples = _examples(document, described.node, media_type)
    return ResponseMedia(media_type, schema, examples, schema in operation.items, described.item)


def _examples(document: Document, node: Json, media_type: str = "") -> Json:
    found = {}
    for name, example in (node.get("examples") or {}).items():
        example, _ = document.resolve(example)
        if not isinstance(example, dict):
            continue
        for key in ("value", "dataValue"):  # not an external example, by `externalValue`
            if key in example:
                found[name] = example[key]
        if name not in found and isinstance(example.get("serializedValue"), str):
            found[name] = _read(example["serializedValue"], split_type(media_type)[0])
    if "example" in node:
        found.setdefault("example", node["example"])
    return found


def _read(text: str, media_type: str) -> Any:
    """Return the value of a serialized example; the text if it cannot be parsed."""
    framing = framing_of(media_type)
    try:
        if framing == "events":
            return events_in(text)
        if framing is not None:
            return [json.loads(each) for each in texts_in(framing, text.encode())]
        return json.loads(text) if is_json(media_type) else text
    except (ValueError, RecursionError):
        return text


def _header(document: Document, name: str, node: Json, response: str) -> Header:
    node, pointer = document.resolve(node)
    at = pointer or response + pointer_to("headers", name)
    examples = _examples(document, node)
    return Header(
        name.lower(),
        bool(node.get("required")),
        f"{at}/schema" if "schema" in node else None,
        tuple(examples.values())[:1],
    )
