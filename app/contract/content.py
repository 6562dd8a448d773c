"""The ``content`` of bodies, responses and parameters: the media types that a document describes, each read once.

Since OpenAPI 3.2 a media type may be a component, and its ``itemSchema`` may describe each item of a sequence (OpenAPI
3.2.0, "Media Type Object").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import UnusablePart
from ..jsontypes import Json
from .document import Document
from .media import split_type
from .pointers import pointer_to
from .sequences import NAMED, Framing, framing_of
from .structure import since_3_2

# The fields for encodings of parts identified by position, and those for encodings of parts inside a part.
BY_PLACE = frozenset({"prefixEncoding", "itemEncoding"})
NESTED = BY_PLACE | {"encoding"}


@dataclass(frozen=True, slots=True)
class Described:
    """A media type of a document: its object and the pointer of that, and the pointers of its schema and of the schema
    of its items, or None. ``framing``: how the items of a sequence are delimited; None if it is no sequence.
    ``is_whole``: its schema has rules for the list as a whole, not only for each item."""

    node: Json
    pointer: str
    schema: str | None
    item: str | None = None
    framing: Framing | None = None
    is_whole: bool = False


def content_of(document: Document, node: Any, pointer: str) -> dict[str, Described]:
    """Return the media types of the object at a pointer.

    Raises:
        DocumentError: a reference is broken, or a rule for a sequence cannot be enforced.
    """
    found = {}
    is_3_2 = since_3_2(document.version)
    for media_type, media in (node.get("content") or {}).items():
        at = pointer + pointer_to("content", media_type)
        if is_3_2:
            if isinstance(media.get("$ref"), str):
                media, there = document.resolve(media)
                at = there or at
            found[media_type] = _described(document, split_type(media_type)[0], media, at)
        else:
            found[media_type] = Described(media, at, at + "/schema" if "schema" in media else None)
    return found


def _described(document: Document, media_type: str, media: Json, at: str) -> Described:
    schema = at + "/schema" if "schema" in media else None
    framing = framing_of(media_type)
    if "itemSchema" in media:
        if framing is None:
            raise UnusablePart(
                f"{document.source}: {at}/itemSchema: {media_type} has no separate items; write schema, or "
                f"the media type of a sequence: {NAMED}."
            )
        return Described(media, at, schema, at + "/itemSchema", framing, is_whole=schema is not None)
    if framing == "parts" and BY_PLACE & media.keys():
        return Described(media, at, schema, None, framing, is_whole=schema is not None)
    if framing and schema:
        # The schema describes the list of all items. If it is no array schema, it describes an item, as in 3.1.
        whole, there = document.resolve(media["schema"])
        if isinstance(whole, dict) and (whole.get("type") == "array" or "items" in whole):
            item = f"{there or schema}/items" if "items" in whole else None
            return Described(media, at, schema, item, framing, is_whole=bool(whole.keys() - {"type", "items"}))
        if framing in ("lines", "records"):
            is_item = isinstance(whole, dict) and ("type" in whole or "properties" in whole)
            return Described(media, at, schema, schema if is_item else None, framing, is_whole=not is_item)
    return Described(media, at, schema)


def check_encodings(document: Document, media_type: str, media: Json, at: str) -> None:
    """Reject encodings of the parts of a form by position, and of parts inside parts: forms have neither.

    Raises:
        DocumentError: there is such an encoding.
    """
    for name in BY_PLACE & media.keys():
        if framing_of(media_type) != "parts":
            raise UnusablePart(
                f"{document.source}: {at}/{name}: {media_type} has no parts by position; write encoding, "
                "by the names of its parts, or the media type multipart/mixed."
            )
    encodings = [(pointer_to("encoding", name), each) for name, each in (media.get("encoding") or {}).items()]
    encodings += [(pointer_to("prefixEncoding", n), each) for n, each in enumerate(media.get("prefixEncoding") or ())]
    encodings += [("/itemEncoding", media["itemEncoding"])] if "itemEncoding" in media else []
    for place, encoding in encodings:
        for nested in NESTED & encoding.keys():
            raise UnusablePart(
                f"{document.source}: {at}{place}/{nested}: parts inside a part are not read; a part with contentType: "
                "application/json is."
            )
