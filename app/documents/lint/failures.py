"""Finds error responses that have no place for an error message, for a server that uses the document's error shape."""

from __future__ import annotations

from ...contract.document import Document
from ...contract.operations import Operation
from ...contract.pointers import pointer_to
from ...errors import ConfigurationError
from ..failures.answers import is_for_errors, json_media
from ..failures.shape import shape_of
from ..samples.responses import ResponseMedia, responses
from ..samples.samples import Samples
from .findings import Findings
from .positions import Location


def check_failures(document: Document, operation: Operation, samples: Samples, findings: Findings, entry: str) -> None:
    """Add findings for the error responses of an operation that have no place for an error message. ``entry`` is the
    file of the document."""
    listed = responses(document, operation)
    for key, response in listed.items():
        media = json_media(response) if is_for_errors(listed, key) else []
        if media and not any(_tells(samples, each) for each in media):
            findings.add(
                Location(entry, pointer_to("paths", operation.path, operation.method, "responses", key)),
                "info",
                "untold-error",
                f"the answer {key} of {operation.method.upper()} {operation.path} has no place for the message of an "
                "error, so such errors have the shape that this server has for them",
                "add a property for it to the schema, such as message",
            )


def _tells(samples: Samples, media: ResponseMedia) -> bool:
    try:
        return shape_of(samples, media.schema or "", media.examples.values()) is not None
    except ConfigurationError:
        return True  # reported by other findings
