"""What may stand at each place of a request or an answer, in one form for schemas and for the types of a client.

Unions are laid over each other, but for objects that a tag tells apart: those stay beside each other, by the tag's
value. So two shapes can be compared place by place, whatever each was made from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# The properties whose one value tells the objects of a union apart.
TAGS = ("role", "type")

_BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties")
# A class of characters, so and so often.
_REPEATED = re.compile(r"\^\[[^\]]+\]\{\d+,(\d+)\}\$")


@dataclass
class Shape:
    """What may stand at a place.

    ``kinds`` are the JSON types of which any value may, but for objects and arrays, which have members of their own:
    ``objects`` by their tag (the empty text: without one), ``items``, and ``others``, the values under keys of the
    caller's choosing. ``anything``: there is no rule. ``bounds`` are in the words of JSON Schema, and ``longest key``.
    """

    kinds: set[str] = field(default_factory=set)
    values: set[Any] = field(default_factory=set)
    objects: dict[str, dict[str, Shape]] = field(default_factory=dict)
    items: Shape | None = None
    others: Shape | None = None
    anything: bool = False
    bounds: dict[str, float] = field(default_factory=dict)

    def add(self, other: Shape) -> None:
        """Let stand here too what may stand there."""
        self.kinds |= other.kinds
        self.values |= other.values
        self.anything = self.anything or other.anything
        self.bounds |= other.bounds
        for tag, members in other.objects.items():
            _lay_over(self.objects.setdefault(tag, {}), members)
        self.items = _both(self.items, other.items)
        self.others = _both(self.others, other.others)

    def add_object(self, members: dict[str, Shape]) -> None:
        """Let an object stand here too."""
        _lay_over(self.objects.setdefault(_tag(members), {}), members)


def _both(one: Shape | None, other: Shape | None) -> Shape | None:
    if one is None or other is None:
        return one or other
    shape = Shape()
    shape.add(one)
    shape.add(other)
    return shape


def _lay_over(members: dict[str, Shape], more: Mapping[str, Shape]) -> None:
    for name, shape in more.items():
        members.setdefault(name, Shape()).add(shape)


def _tag(members: Mapping[str, Shape]) -> str:
    tags = [members[name] for name in TAGS if name in members]
    return next((str(*tag.values) for tag in tags if len(tag.values) == 1 and not tag.kinds - {"null"}), "")


def of_schema(schema: Any, components: Mapping[str, Any]) -> Shape:
    """The shape of a schema, whose references lead to ``components``."""
    shape = Shape()
    if "$ref" in schema:
        shape.add(of_schema(components[schema["$ref"].rsplit("/", 1)[1]], components))
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        shape.add(of_schema(branch, components))
    types = schema.get("type", ())
    types = {types} if isinstance(types, str) else set(types)
    if "enum" in schema:
        shape.values |= set(schema["enum"])
    else:
        shape.kinds |= types - {"object", "array"}
    if "items" in schema:
        shape.items = of_schema(schema["items"], components)
    if "properties" in schema:
        shape.add_object({name: of_schema(inner, components) for name, inner in schema["properties"].items()})
    elif "object" in types:
        others = schema.get("additionalProperties", True)
        shape.others = Shape(anything=others) if isinstance(others, bool) else of_schema(others, components)
    shape.anything = not schema.keys() - {"description"}
    shape.bounds |= {bound: schema[bound] for bound in _BOUNDS if bound in schema}
    if found := _REPEATED.fullmatch(schema.get("pattern", "")):
        shape.bounds["maxLength"] = int(found[1])
    if "propertyNames" in schema:
        shape.bounds["longest key"] = schema["propertyNames"]["maxLength"]
    return shape


def lacks(ours: Shape, known: Shape, at: str = "", *, answer: bool = False) -> Iterator[str]:
    """What ``known`` has and ``ours`` has not, by the dotted name of its place: a parameter, a value, a bound.

    ``answer``: it is what a client reads. There a type may be wider than what comes: null says no more than that it
    may be absent, and any text no more than that clients do not look at its values.
    """
    if ours.anything:
        return
    for value in sorted(known.values - ours.values, key=repr):
        if _kind(value) not in ours.kinds:
            yield f"{at}: {value!r}"
    told = {"null", *map(_kind, ours.values)} if answer else set()
    for kind in sorted(known.kinds - ours.kinds - told):
        if not (kind == "integer" and "number" in ours.kinds):
            yield f"{at}: any {kind}" if kind != "null" else f"{at}: null"
    for bound, value in sorted(known.bounds.items()):
        if ours.bounds.get(bound) != value:
            yield f"{at}: {bound} {value:g}, not {ours.bounds.get(bound)}"
    for below, inner, counterpart in _inside(ours, known, at):
        if counterpart is None:
            yield below
        else:
            yield from lacks(counterpart, inner, below, answer=answer)


def _inside(ours: Shape, known: Shape, at: str) -> Iterator[tuple[str, Shape, Shape | None]]:
    """The places inside, each with both shapes; None: ours has no such place."""
    if known.items is not None:
        yield f"{at}[]", known.items, ours.items
    if known.others is not None:
        yield f"{at}.*", known.others, ours.others
    for tag, members in known.objects.items():
        there = _matching(ours.objects, tag)
        place = at if len(known.objects) == 1 else f"{at.removesuffix('[]')}[{tag}]"
        if there is None:
            # A map takes any name.
            yield place, Shape(), ours.others
            continue
        for name, inner in members.items():
            yield (f"{place}.{name}" if place else name), inner, there.get(name)


def _matching(objects: Mapping[str, dict[str, Shape]], tag: str) -> Mapping[str, Shape] | None:
    """The members of the object of a tag; where it is told apart on one side only, those of all that it may be."""
    if tag in objects:
        return objects[tag]
    candidates: Iterable[dict[str, Shape]] = [objects[""]] if "" in objects else () if tag else objects.values()
    found: dict[str, Shape] = {}
    for members in candidates:
        _lay_over(found, members)
    return found or None


def _kind(value: object) -> str:
    return {bool: "boolean", int: "integer", float: "number"}.get(type(value), "string")
