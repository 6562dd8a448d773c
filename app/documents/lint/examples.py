"""Validates the examples and defaults of a document against its own schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...contract.event_schemas import readings
from ...contract.explain import explain
from ...contract.media import is_json, split_type
from ...contract.pointers import last_token
from ...errors import ConfigurationError
from ...jsontypes import Json
from .compile import Bundle
from .objects import Objects
from .positions import Location


def check_examples(objects: Objects, bundle: Bundle) -> None:
    """Add findings for all examples and defaults that are not valid."""
    for at, node in objects.nodes["Schema"].items():
        if isinstance(node, dict) and not (objects.is_3_0 and "$ref" in node):
            for name, place, value in _of_schema(at, node):
                _check(objects, bundle, at, name, place, value)
    for kind in ("MediaType", "Parameter", "Header"):
        for at, node in objects.nodes[kind].items():
            if objects.is_3_2 and kind == "MediaType" and isinstance(node, dict) and "itemSchema" in node:
                for place, value in _of_content(objects, at, node):
                    _check_items(objects, bundle, at, place, value)
            elif isinstance(node, dict) and "schema" in node:
                for place, value in _of_content(objects, at, node):
                    if kind != "MediaType" or _is_json(at, value):
                        _check(objects, bundle, at.child("schema"), "example", place, value)


def _of_schema(at: Location, node: Json) -> Iterator[tuple[str, Location, Any]]:
    for name in ("default", "example"):
        if name in node:
            yield name, at.child(name), node[name]
    examples = node.get("examples")
    for index, value in enumerate(examples if isinstance(examples, list) else ()):
        yield "example", at.child("examples", index), value


def _of_content(objects: Objects, at: Location, node: Json) -> Iterator[tuple[Location, Any]]:
    if "example" in node:
        yield at.child("example"), node["example"]
    examples = node.get("examples")
    for name, example in examples.items() if isinstance(examples, dict) else ():
        followed = objects.follow(at.child("examples", name), example)
        if followed and isinstance(followed[1], dict):
            for key in ("value", "dataValue") if objects.is_3_2 else ("value",):
                if key in followed[1]:
                    yield followed[0].child(key), followed[1][key]


def _check_items(objects: Objects, bundle: Bundle, at: Location, place: Location, value: object) -> None:
    """Validate an example of a sequence: the list of its items, or one item. A text is the serialized sequence."""
    schema = at.child("itemSchema")
    try:
        validator = bundle.validator(schema)
    except ConfigurationError:
        return  # reported by other findings
    for index, item in enumerate(value) if isinstance(value, list) else ((None, value),):
        made = readings(item) if isinstance(item, dict) else [item]
        is_text = index is None and isinstance(item, str)
        if not is_text and not any(map(validator.is_valid, made)):
            _check(objects, bundle, schema, "example", place if index is None else place.child(index), made[0])


def _is_json(at: Location, value: object) -> bool:
    """Whether an example is the value itself. For media types other than JSON, a text is the serialized value."""
    return is_json(split_type(last_token(at.pointer))[0]) or not isinstance(value, str)


def _check(objects: Objects, bundle: Bundle, schema: Location, name: str, place: Location, value: object) -> None:
    try:
        validator = bundle.validator(schema)
    except ConfigurationError:
        return  # reported by other findings
    if not validator.is_valid(value):
        objects.findings.warning(
            place,
            f"invalid-{name}",
            f"the {name} does not fit its schema: {explain(validator, value, at=(name,)).message.removesuffix('.')}",
            f"correct the {name} or the schema",
        )
