"""The schemas of events as a whole, in a form in which validators hold JSON data against its ``contentSchema``.

JSON Schema takes ``contentSchema`` for a note. In the schemas of events it is a rule here: what the data of an event is
as JSON stands in the place of the text, so an event is held against its schema once with its data as a text and once as
the value that the text is (see `readings`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ..jsontypes import Json
from .media import is_json, split_type
from .sequences import EVENTS

# Gives the schema that a reference leads to; None: there is none.
Resolve = Callable[[str], Any]

_PARTS = ("allOf", "oneOf", "anyOf")
# References go round in circles in no schema of events that means anything.
_DEEPEST = 4


def read_data(part: object, resolve: Resolve) -> None:
    """Give the schemas of the items of event streams in a part of a document that form. Schemas are of 2020-12;
    ``resolve`` gives the one that a reference leads to."""
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
    """The same in the media type of an event stream."""
    if not isinstance(media, dict):
        return
    if "itemSchema" in media:
        media["itemSchema"] = _of_event(media["itemSchema"], resolve, 0)
    elif isinstance(media.get("schema"), dict) and "items" in media["schema"]:
        media["schema"]["items"] = _of_event(media["schema"]["items"], resolve, 0)


def media_types_of_events(node: object) -> Iterator[str]:
    """The references of the media types of event streams in a document that stand elsewhere."""
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
    """Whether a schema is of a text that is JSON."""
    return is_json(split_type(str(schema.get("contentMediaType", "")))[0])


def readings(event: Json) -> list[Json]:
    """What an event is to its schema: with its data as a value where it is JSON, and as a text."""
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
        # At its place it stays too, for what is found by pointers.
        return {"contentSchema": target["contentSchema"], "allOf": [target["contentSchema"]]}
    return node


def _followed(node: Any, resolve: Resolve) -> Any:
    for _ in range(_DEEPEST):
        if not (isinstance(node, dict) and str(node.get("$ref", "")).startswith("#/")):
            break
        node = resolve(node["$ref"])
    return node
