"""Checks the new features of OpenAPI 3.2: sequences of media types without items, parts that are not read, tags."""

from __future__ import annotations

from typing import Any

from ...contract.content import BY_PLACE, NESTED
from ...contract.media import split_type
from ...contract.pointers import last_token
from ...contract.sequences import NAMED, framing_of
from .objects import Objects
from .positions import Location


def check_latest(objects: Objects) -> None:
    """Add the findings for a document of OpenAPI 3.2."""
    if not objects.is_3_2:
        return
    for location, node in objects.nodes["MediaType"].items():
        # The key of a media type object among the components does not name the media type.
        if isinstance(node, dict) and "/content/" in location.pointer and "$ref" not in node:
            _check_media_type(objects, location, node)
    _check_tags(objects)


def _check_media_type(objects: Objects, at: Location, node: dict[str, Any]) -> None:
    media_type = split_type(last_token(at.pointer))[0]
    severity = "error" if at in objects.served else "warning"
    framing = framing_of(media_type)
    if "itemSchema" in node and framing is None:
        objects.findings.add(
            at.child("itemSchema"),
            severity,
            "no-sequence",
            f"{media_type} has no separate items",
            f"write schema, or the media type of a sequence: {NAMED}",
        )
    for name in sorted(BY_PLACE & node.keys()) if framing != "parts" else ():
        objects.findings.add(
            at.child(name),
            severity,
            "no-places",
            f"{media_type} has no parts by position",
            "write encoding, by the names of the parts, or the media type multipart/mixed",
        )
    encodings = node.get("encoding")
    for name, encoding in encodings.items() if isinstance(encodings, dict) else ():
        for nested in sorted(NESTED & encoding.keys()) if isinstance(encoding, dict) else ():
            objects.findings.add(
                at.child("encoding", name, nested),
                severity,
                "nested-encoding",
                "parts inside a part are not read",
                "send the part with contentType: application/json",
            )


def _check_tags(objects: Objects) -> None:
    """Check that the parent of a tag exists, and that no tag is its own ancestor (OpenAPI 3.2.0, "Tag Object")."""
    tags = {str(node.get("name")): (at, node) for at, node in objects.nodes["Tag"].items() if isinstance(node, dict)}
    for name, (at, node) in tags.items():
        above, parent = {name}, node.get("parent")
        if parent is not None and parent not in tags:
            objects.findings.warning(
                at.child("parent"), "unknown-tag", "there is no such tag", "correct the name, or add the tag"
            )
        while parent in tags and parent not in above:
            above.add(parent)
            parent = tags[parent][1].get("parent")
        if parent == name:
            objects.findings.warning(
                at.child("parent"),
                "circular-tags",
                "the tag is its own ancestor",
                "leave one of them without a parent",
            )
