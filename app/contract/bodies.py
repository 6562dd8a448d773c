"""The request bodies that a document describes, by media type."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from .content import check_encodings, content_of
from .document import Document
from .forms import Form
from .media import FORM, MULTIPART, is_json, is_text, split_type
from .parameter_objects import follow, read_encodings
from .parameters import Encoding
from .sequences import Framing
from .shapes import Shape
from .structure import since_3_2

log = logging.getLogger("parley")


@dataclass(frozen=True, slots=True)
class Body:
    """A media type of a request body: the pointer of its schema (None: any value is allowed), its ``shape``, by which
    text is converted, and for a form the encoding of its fields. ``framing``: the body is read as a list of items, and
    ``item`` is the pointer of the schema of each. The encodings are those of parts identified by position."""

    schema: str | None
    shape: Shape
    form: Form | None = None
    framing: Framing | None = None
    item: str | None = None
    prefix_encodings: tuple[Encoding, ...] = ()
    item_encoding: Encoding | None = None

    @property
    def header_schemas(self) -> Iterator[str]:
        """Pointers of the schemas of the headers of parts that are identified by position."""
        for encoding in (*self.prefix_encodings, *([self.item_encoding] if self.item_encoding else [])):
            yield from (header.schema for header in encoding.headers if header.schema)


def bodies_of(document: Document, node: Any, pointer: str) -> dict[str, Body]:
    """Return the bodies of a request by media type, from the Request Body Object at a pointer.

    Raises:
        DocumentError: a reference is broken, or a rule for the bodies cannot be enforced.
    """
    found = {}
    for media_type, described in content_of(document, node, pointer).items():
        media, at = described.node, described.pointer
        shape = Shape(partial(follow, document), media.get("schema", {}))
        kind = split_type(media_type)[0]
        form = None
        if kind in (FORM, MULTIPART) or "*" in kind:
            form = Form(shape, read_encodings(document, media.get("encoding") or {}, at))
        if since_3_2(document.version):
            check_encodings(document, kind, media, at)
        framing = described.framing
        prefix: tuple[Encoding, ...] = ()
        rest = None
        if framing == "parts":
            by_place = {str(n): each for n, each in enumerate(media.get("prefixEncoding") or ())}
            prefix = tuple(read_encodings(document, by_place, at + "/prefixEncoding", "").values())
            if "itemEncoding" in media:
                rest = read_encodings(document, {"itemEncoding": media["itemEncoding"]}, at, "")["itemEncoding"]
        held = form or framing or is_json(kind) or (is_text(kind) and shape.is_scalar)
        if not held and (shape.is_object or shape.is_array):
            log.warning("%s: a body of the type %s is passed on unchecked; its schema is not applied", pointer, kind)
        # A schema that only describes the items is not applied to the list as well.
        whole = None if framing and not described.is_whole else described.schema
        found[media_type.lower()] = Body(whole, shape, form, framing, described.item if framing else None, prefix, rest)
    return found
