"""Converts the schemas of whole events so that validators validate JSON data against its ``contentSchema``.

In JSON Schema, ``contentSchema`` is an annotation. Here, in the schemas of events, it is a rule: it applies to the
parsed JSON value in place of the text. So an event is validated against its schema twice: with its data as text, and
with its data as the parsed value (see `readings`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ..jsontypes import Json
from .media import is_json, split_type
from .sequences import EVENTS

# Returns the schema that a reference leads to, or None.
Resolve = Callable[[str], Any]

_PARTS = ("allOf", "oneOf", "anyOf")
# The depth limit for circular references; no meaningful schema of events is deeper.
_DEEPEST = 4


def read_data(part: object, resolve: Resolve) -> None:
    """Convert the schemas of the items of all event streams in a part of a document in place. The schemas are in the
    form of 2020-12. ``resolve`` returns the schema that a reference leads to."""
    if isinstance(part, list):
        for item in part:
            read_data(item, resolve)
    elif isinstance(part, dict):
        content = part.get("content")
        for media_type, media in content.items() if isinstance(content, dict) else ():
            if split_type(str(media_type))[0] == EVENTS:
                read_items(media, resolve)
        for value in part.values():
            read_data(value, resolve)


def read_items(media: object, resolve: Resolve) -> None:
    """Convert the item schema in the media type object of an event stream in place."""
    if not isinstance(media, dict):
        return
    if "itemSchema" in media:
        media["itemSchema"] = _of_event(media["itemSchema"], resolve, 0)
    elif isinstance(media.get("schema"), dict) and "items" in media["schema"]:
        media["schema"]["items"] = _of_event(media["schema"]["items"], resolve, 0)


def media_types_of_events(node: object) -> Iterator[str]:
    """Yield the references to media type objects of event streams in a document."""
    if isinstance(node, list):
        for item in node:
            yield from media_types_of_events(item)
    elif isinstance(node, dict):
        content = node.get("content")
        for media_type, media in content.items() if isinstance(content, dict) else ():
            reference = media.get("$ref") if isinstance(media, dict) else None
            if isinstance(reference, str) and split_type(str(media_type))[0] == EVENTS:
                yield reference
        for value in node.values():
            yield from media_types_of_events(value)


def is_json_text(schema: Json) -> bool:
    """Whether a schema describes a text that is JSON."""
    return is_json(split_type(str(schema.get("contentMediaType", "")))[0])


def readings(event: Json) -> list[Json]:
    """Return the forms of an event to validate: with its data as a parsed value if it is JSON, and with its data as
    text."""
    data = event.get("data")
    if not isinstance(data, str):
        return [event, {**event, "data": json.dumps(data)}] if "data" in event else [event]
    try:
        return [{**event, "data": json.loads(data)}, event]
    except (ValueError, RecursionError):
        return [event]


def _of_event(node: Any, resolve: Resolve, depth: int) -> Any:
    target = _followed(node, resolve)
    if not isinstance(target, dict) or depth > _DEEPEST:
        return node
    beside = {key: value for key, value in node.items() if key != "$ref"} if target is not node else {}
    made = {
        **target,
        **{
            part: [_of_event(each, resolve, depth + 1) for each in target.get(part) or ()]
            for part in _PARTS
            if part in target
        },
    }
    properties = target.get("properties")
    if isinstance(properties, dict) and "data" in properties:
        made["properties"] = {**properties, "data": _of_data(properties["data"], resolve)}
    return {"allOf": [made, beside]} if beside else made


def _of_data(node: Any, resolve: Resolve) -> Any:
    target = _followed(node, resolve)
    if isinstance(target, dict) and is_json_text(target) and "contentSchema" in target:
        # `contentSchema` also stays in its place, because pointers lead to it.
        return {"contentSchema": target["contentSchema"], "allOf": [target["contentSchema"]]}
    return node


def _followed(node: Any, resolve: Resolve) -> Any:
    for _ in range(_DEEPEST):
        if not (isinstance(node, dict) and str(node.get("$ref", "")).startswith("#/")):
            break
        node = resolve(node["$ref"])
    return node
