"""Converts a document to any version of OpenAPI, version by version."""

from __future__ import annotations

from typing import Literal

from ...contract.document import Document
from ...contract.structure import since_3_2
from .document import Converted, to_3_0
from .losses import Loss
from .newer import from_3_0, from_3_1
from .older import to_3_1

Version = Literal["3.0", "3.1", "3.2"]


def to_version(document: Document, version: Version) -> Converted:
    """Return a document in a version of OpenAPI. A document that already has this version is returned unchanged.

    Raises:
        DocumentError: a reference is broken.
    """
    if document.version.startswith(version):
        return Converted(document.content)
    losses: list[Loss] = []
    if since_3_2(document.version):
        document = Document(to_3_1(document, losses), source=document.source)
    elif document.version.startswith("3.0"):
        document = Document(from_3_0(document), source=document.source)
    if version == "3.2":
        return Converted(from_3_1(document))
    if version == "3.0":
        converted = to_3_0(document)
        return Converted(converted.content, [*losses, *converted.losses])
    return Converted(document.content, losses)
