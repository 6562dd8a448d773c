"""Finds out what the schemas of server-sent events in a document describe: the data of an event, or the whole event.

In documents of 3.0 and 3.1 they describe the data, in some the event with its ``data``. Since 3.2 ``itemSchema``
describes the event: an object with the strings ``data``, ``event`` and ``id`` and the integer ``retry``. If the data is
JSON, ``contentMediaType`` and ``contentSchema`` describe it (OpenAPI 3.2.0, "Special Considerations for Server-Sent
Events").
"""

from __future__ import annotations

from typing import Any

from ..jsontypes import Json
from .document import Document
from .event_schemas import is_json_text
from .pointers import reference_to

_FIELDS = frozenset({"data", "event", "id", "retry"})
_UNIONS = ("oneOf", "anyOf")
_NOTES = frozenset({"title", "description", "examples", "example", "default", "deprecated", "$comment"})
# Rules that every event satisfies.
_OF_ANY: dict[str, Json] = {
    "event": {"type": {"string"}},
    "id": {"type": {"string"}},
    "retry": {"type": {"integer", "number"}, "minimum": {0}},
}
# The depth limit for circular references and unions.
_DEEPEST = 4


def event_data(document: Document, pointer: str, depth: int = 0) -> str:
    """Return the pointer of the schema of an event's data. Some documents describe the event itself, with its ``data``;
    some also describe the final ``[DONE]``."""
    schema, followed = document.resolve({"$ref": reference_to(pointer)})
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return pointer
    properties = schema.get("properties")
    if isinstance(properties, dict) and "data" in properties and set(properties) <= _FIELDS:
        return f"{followed}/properties/data"
    for union in _UNIONS:
        branches = [f"{followed}/{union}/{index}" for index in range(len(schema.get(union) or ()))]
        found = [data for branch in branches if (data := event_data(document, branch, depth + 1)) != branch]
        objects = [data for data in found if not _is_text(document, data)]
        if len(found) == len(branches) and len(objects) == 1:
            return objects[0]
    return pointer


def item_data(document: Document, pointer: str) -> tuple[str, bool]:
    """Return the pointer of the schema to validate the items of an event stream against, and whether it describes the
    whole event. ``pointer`` is that of the item schema. If it only has rules for the data, the pointer of the data's
    schema is returned, else ``pointer``. A schema that names no field of an event is considered one of the data, as
    some documents have it."""
    found = _only_data(document, pointer, 0)
    if found:
        return found, False
    names = _names(document, pointer, 0)
    return pointer, bool(names & {"data", "event"}) and names <= _FIELDS


def _only_data(document: Document, pointer: str, depth: int) -> str:
    """Return the pointer of the schema of an event's JSON data if there are no other rules for the event; else an empty
    string."""
    schema, followed = _follow(document, pointer)
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return ""
    rules = schema.keys() - _NOTES
    for union in _UNIONS:
        if rules in ({union}, {union, "type"}) and isinstance(schema[union], list):
            branches = [f"{followed}/{union}/{index}" for index in range(len(schema[union]))]
            branches = [branch for branch in branches if not _is_sentinel(document, branch)]
            return _only_data(document, branches[0], depth + 1) if len(branches) == 1 else ""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not rules <= {"type", "properties", "required", "additionalProperties"}:
        return ""
    open_to_names = "event" in properties or schema.get("additionalProperties", True) is not False
    if not (open_to_names and "data" in properties and set(properties) <= _FIELDS):
        return ""
    if not set(schema.get("required") or ()) <= {"data"}:
        return ""
    if not all(_says_nothing(name, rule) for name, rule in properties.items() if name != "data"):
        return ""
    return _json_of(document, f"{followed}/properties/data")


def _json_of(document: Document, pointer: str) -> str:
    """Return the pointer of the schema of JSON data; an empty string if the data is not described as JSON, or there are
    other rules for its text."""
    schema, followed = _follow(document, pointer)
    if not isinstance(schema, dict):
        return ""
    if is_json_text(schema):
        plain = schema.keys() - _NOTES <= {"type", "contentMediaType", "contentSchema"}
        return f"{followed}/contentSchema" if plain and "contentSchema" in schema else ""
    kinds = schema.get("type")
    # Not in the standard, but the evident meaning: data whose type is not string is JSON.
    is_value = kinds is not None and "string" not in (kinds if isinstance(kinds, list) else [kinds])
    return pointer if is_value or "properties" in schema else ""


def _is_sentinel(document: Document, pointer: str) -> bool:
    """Whether a schema describes an event whose data is a fixed text, such as the final event."""
    schema, followed = _follow(document, pointer)
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or set(properties) != {"data"}:
        return False
    data, _ = _follow(document, f"{followed}/properties/data")
    texts = [data["const"]] if isinstance(data, dict) and "const" in data else _enum(data)
    return bool(texts) and all(isinstance(text, str) for text in texts)


def _enum(schema: Any) -> list[Any]:
    return list(schema.get("enum") or ()) if isinstance(schema, dict) else []


def _says_nothing(name: str, rule: Any) -> bool:
    if not isinstance(rule, dict):
        return rule is True
    allowed = _OF_ANY[name]
    return all(value in allowed.get(key, ()) for key, value in rule.items() if key not in _NOTES)


def _names(document: Document, pointer: str, depth: int) -> set[str]:
    """Return the properties that a schema or its parts name."""
    schema, followed = _follow(document, pointer)
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return set()
    names = set(schema.get("properties") or ())
    for part in ("allOf", *_UNIONS):
        for index in range(len(schema.get(part) or ())):
            names |= _names(document, f"{followed}/{part}/{index}", depth + 1)
    return names


def _follow(document: Document, pointer: str) -> tuple[Any, str]:
    schema, followed = document.resolve({"$ref": reference_to(pointer)})
    return schema, followed or pointer


def _is_text(document: Document, pointer: str) -> bool:
    schema, _ = document.resolve({"$ref": reference_to(pointer)})
    return isinstance(schema, dict) and (schema.get("type") == "string" or isinstance(schema.get("const"), str))
