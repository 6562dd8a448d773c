"""What the schemas of server-sent events in a document are about: the data of an event, or the event as a whole."""

from __future__ import annotations

from .document import Document
from .pointers import reference_to

_FIELDS = frozenset({"data", "event", "id", "retry"})


def event_data(document: Document, pointer: str, depth: int = 0) -> str:
    """The pointer of the schema of an event's data: some documents describe the event itself, with its ``data``, and
    some the ``[DONE]`` at the end besides."""
    schema, followed = document.resolve({"$ref": reference_to(pointer)})
    if not isinstance(schema, dict) or depth > 4:
        return pointer
    properties = schema.get("properties")
    if isinstance(properties, dict) and "data" in properties and set(properties) <= _FIELDS:
        return f"{followed}/properties/data"
    for union in ("oneOf", "anyOf"):
        branches = [f"{followed}/{union}/{index}" for index in range(len(schema.get(union) or ()))]
        found = [data for branch in branches if (data := event_data(document, branch, depth + 1)) != branch]
        objects = [data for data in found if not _is_text(document, data)]
        if len(found) == len(branches) and len(objects) == 1:
            return objects[0]
    return pointer


def _is_text(document: Document, pointer: str) -> bool:
    schema, _ = document.resolve({"$ref": reference_to(pointer)})
    return isinstance(schema, dict) and (schema.get("type") == "string" or isinstance(schema.get("const"), str))
