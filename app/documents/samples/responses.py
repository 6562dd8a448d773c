"""What a document lists as answers of an operation, in full: media types, schemas, examples and headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...contract.document import Document
from ...contract.operations import Operation
from ...contract.pointers import pointer_to
from ...jsontypes import Json


@dataclass(frozen=True, slots=True)
class ResponseMedia:
    """One media type of an answer. ``schema`` is a pointer, ``examples`` has values by name."""

    type: str
    schema: str | None
    examples: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Header:
    """A header of an answer, by its name in lower case; ``example`` is in a list of one, if there is one."""

    name: str
    required: bool
    schema: str | None
    example: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: ``key`` is its status in the document (``200``, ``4XX``, ``default``)."""

    key: str
    media: tuple[ResponseMedia, ...]
    headers: tuple[Header, ...]

    @property
    def status(self) -> int:
        """The status of an answer for which nothing more is asked; of a range the first, of ``default`` 200."""
        return 200 if self.key == "default" else int(self.key.replace("X", "0"))


def responses(document: Document, operation: Operation) -> dict[str, Response]:
    """The answers of an operation by status, in the document's order.

    Raises:
        ConfigurationError: a reference is broken.
    """
    item, item_pointer = document.resolve(document.paths[operation.path])
    at = (item_pointer or pointer_to("paths", operation.path)) + pointer_to(operation.method)
    described, there = document.resolve(item[operation.method])
    base = (there or at) + pointer_to("responses")
    found = {}
    for status, node in (described.get("responses") or {}).items():
        node, pointer = document.resolve(node)
        key = str(status).upper() if str(status) != "default" else "default"
        if key != "default" and not (len(key) == 3 and key[0] in "12345" and set(key[1:]) <= set("0123456789X")):
            continue  # an extension
        at = pointer or base + pointer_to(status)
        found[key] = Response(
            key,
            tuple(
                # What answers are held against is said once, by the operation.
                ResponseMedia(media_type, operation.responses[key].get(media_type.lower()), _examples(document, media))
                for media_type, media in (node.get("content") or {}).items()
            ),
            tuple(_header(document, name, header, at) for name, header in (node.get("headers") or {}).items()),
        )
    return found


def _examples(document: Document, node: Json) -> Json:
    found = {}
    for name, example in (node.get("examples") or {}).items():
        example, _ = document.resolve(example)
        if isinstance(example, dict) and "value" in example:  # not one that lies elsewhere, by `externalValue`
            found[name] = example["value"]
    if "example" in node:
        found.setdefault("example", node["example"])
    return found


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
