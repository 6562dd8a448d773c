"""Compares two schemas, and determines what each difference means to clients.

A narrower rule breaks clients in a request, a wider rule breaks them in a response. If it is unknown whether a rule is
narrower or wider, such as for a changed pattern, the result is open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .normalized import NormalizedSchema, NormalizedSchemas
from .variants import Variant, types_text

# Deeper than any real body; limits circular schemas for which no pair of schemas repeats.
_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``place`` is the part of the operation, ``path`` leads to the property in it. ``breaking`` is
    None if the documents do not determine it."""

    operation: str
    place: str
    path: str
    kind: str
    breaking: bool | None
    message: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """A schema whose differences are reported at another operation, ``first``."""

    operation: str
    place: str
    path: str
    schema: str
    first: str


class SchemaComparison:
    """Compares schemas of two documents and collects the differences in `records`.

    Schemas that many operations share are compared once; the later ones get a `Repeat`.
    """

    def __init__(self, before: NormalizedSchemas, after: NormalizedSchemas) -> None:
        self.before = before
        self.after = after
        self.records: list[Change | Repeat] = []
        self._done: dict[tuple[int, int, bool], tuple[str, bool]] = {}
        self._running: set[tuple[int, int, bool]] = set()
        self._operation = ""
        self._place = ""
        self._request = False

    def compare(self, operation: str, place: str, request: bool, before: object, after: object) -> None:
        """Compare the schemas in one place of an operation; ``request``: clients send it."""
        self._operation, self._place, self._request = operation, place, request
        self._compare(before, after, "", 0)

    def _compare(self, before: object, after: object, path: str, depth: int, *, branch: bool = False) -> None:
        """``branch``: a single schema became a branch of a union or vice versa, so null is described elsewhere."""
        one, other = self.before.of(before), self.after.of(after)
        if one.nullable != other.nullable and _restricts(one) and _restricts(other) and not branch:
            effect = "wider" if other.nullable else "narrower"
            self._add(path, "null", effect, "null is accepted now" if other.nullable else "null is accepted no more")
        self._default(one, other, path)
        body, new_body = self.before.body(before), self.after.body(after)
        key = (id(body), id(new_body), self._request)
        if key in self._running or depth > _DEPTH:
            return
        name = self.after.name(after) or self.before.name(before)
        if key in self._done:
            first, differs = self._done[key]
            if differs and first != self._operation:
                self.records.append(Repeat(self._operation, self._place, path, name or "the same schema", first))
            return
        self._running.add(key)
        start = len(self.records)
        self._bodies(body, new_body, path, depth)
        self._running.discard(key)
        self._done[key] = (self._operation, len(self.records) > start)

    def _bodies(self, before: object, after: object, path: str, depth: int) -> None:
        one, other = self.before.of(before), self.after.of(after)
        if bool(one.variants) != bool(other.variants) and not _restricts_beside(one if one.variants else other):
            self._variants([before] if not one.variants else one.variants, other.variants or [after], path, depth)
            return
        self._types(one, other, path)
        self._enum(one, other, path)
        self._bounds(one, other, path)
        self._others(one, other, path)
        self._properties(one, other, path, depth)
        if one.items is not None and other.items is not None:
            self._compare(one.items, other.items, path + "[]", depth + 1)
        self._additional(one, other, path, depth)
        if one.variants and other.variants:
            self._variants(one.variants, other.variants, path, depth)
        elif one.variants or other.variants:
            message = "one of several forms must fit too" if other.variants else "no other form must fit any more"
            self._add(path, "variants", "narrower" if other.variants else "wider", message)

    def _default(self, one: NormalizedSchema, other: NormalizedSchema, path: str) -> None:
        old, new = (json.dumps(f.others["default"]) if "default" in f.others else "none" for f in (one, other))
        if old != new:
            self._add(path, "default", "open", f"default: {old} -> {new}")

    def _types(self, one: NormalizedSchema, other: NormalizedSchema, path: str) -> None:
        if one.types == other.types:
            return
        if one.types is None or (other.types is not None and other.types < one.types):
            effect = "narrower"
        elif other.types is None or one.types < other.types:
            effect = "wider"
        else:
            effect = "different"
        self._add(path, "type", effect, f"type: {types_text(one)} -> {types_text(other)}")

    def _enum(self, one: NormalizedSchema, other: NormalizedSchema, path: str) -> None:
        if one.enum is None and other.enum is None:
            return
        if one.enum is None or other.enum is None:
            if other.enum is not None:
                self._add(path, "enum", "narrower", f"only these values now: {_values(other.enum)}")
            elif one.enum is not None:
                self._add(path, "enum", "wider", f"not only these values any more: {_values(one.enum)}")
            return
        added = [value for value in other.enum if value not in one.enum]
        removed = [value for value in one.enum if value not in other.enum]
        if added:
            self._add(path, "enum", "wider", f"new values: {_values(added)}")
        if removed:
            self._add(path, "enum", "narrower", f"values removed: {_values(removed)}")

    def _bounds(self, one: NormalizedSchema, other: NormalizedSchema, path: str) -> None:
        for name in dict.fromkeys((*one.bounds, *other.bounds)):
            old, new = one.bounds.get(name), other.bounds.get(name)
            if old == new:
                continue
            rises = old is not None and new is not None and new > old
            is_low = name.startswith(("min", "exclusiveMin"))
            narrower = old is None or (new is not None and rises is is_low)
            shown = f"{name}: {'none' if old is None else old} -> {'none' if new is None else new}"
            self._add(path, name, "narrower" if narrower else "wider", shown)

    def _others(self, one: NormalizedSchema, other: NormalizedSchema, path: str) -> None:
        for name in dict.fromkeys((*one.others, *other.others)):
            old, new = one.others.get(name), other.others.get(name)
            if old == new or name == "default" or (name in ("readOnly", "writeOnly") and not old and not new):
                continue
            effect = "open"
            if name == "pattern" and (old is None or new is None):
                effect = "narrower" if old is None else "wider"
            if isinstance(old, dict | list) or isinstance(new, dict | list):
                message = f"{name} {'added' if old is None else 'removed' if new is None else 'changed'}"
            else:
                absent_old, absent_new = name not in one.others, name not in other.others
                shown = [
                    "none" if absent else json.dumps(value, ensure_ascii=False)
                    for absent, value in ((absent_old, old), (absent_new, new))
                ]
                message = f"{name}: {shown[0]} -> {shown[1]}"
            self._add(path, name, effect, message)
        if other.deprecated and not one.deprecated:
            self._add(path, "deprecated", "none", "deprecated now")

    def _properties(self, one: NormalizedSchema, other: NormalizedSchema, path: str, depth: int) -> None:
        for name, schema in one.properties.items():
            place = f"{path}.{name}" if path else name
            if name not in other.properties:
                breaking: bool | None = True
                if self._request and not other.closed:
                    breaking = None  # the server may ignore it now, or still process it
                self._note(place, "property-removed", breaking, "property removed")
                continue
            if (name in one.required) != (name in other.required):
                required = name in other.required
                self._add(
                    place,
                    "required",
                    "narrower" if required else "wider",
                    "required now" if required else "required no more",
                )
            self._compare(schema, other.properties[name], place, depth + 1)
        for name in other.properties:
            if name not in one.properties:
                place = f"{path}.{name}" if path else name
                required = name in other.required
                self._note(
                    place,
                    "property-added",
                    self._request and required,
                    "required property added" if required else "optional property added",
                )
        for name in sorted((other.required - one.required) - set(other.properties)):
            self._add(f"{path}.{name}" if path else name, "required", "narrower", "required now")

    def _additional(self, one: NormalizedSchema, other: NormalizedSchema, path: str, depth: int) -> None:
        old, new = one.additional, other.additional
        if isinstance(old, dict) and isinstance(new, dict):
            self._compare(old, new, path + ".*", depth + 1)
        elif old != new and not (_anything(old) and _anything(new)):
            narrower = new is False or _anything(old)
            words = {True: "accepted", False: "refused"}
            shown = [words[value] if isinstance(value, bool) else "bound by a schema" for value in (old, new)]
            self._add(
                path, "additional-properties", "narrower" if narrower else "wider",
                f"other properties: {shown[0]} -> {shown[1]}",
            )  # fmt: skip

    def _variants(self, before: list[Any], after: list[Any], path: str, depth: int) -> None:
        old = [Variant.of(self.before, node) for node in before]
        new = [Variant.of(self.after, node) for node in after]
        was, now = list(old), list(new)
        for key in ("name", "tag", "shape", "types"):
            for value in dict.fromkeys(getattr(variant, key) for variant in old):
                ones = [variant for variant in old if getattr(variant, key) == value]
                others = [variant for variant in new if getattr(variant, key) == value]
                if not value or len(ones) != len(others):
                    continue
                for one, other in zip(ones, others, strict=True):
                    old.remove(one)
                    new.remove(other)
                    branch = len(was) != 1 or len(now) != 1
                    alone = len(was) == 1 or len(now) == 1
                    where = f"{path}({other.label})" if branch else path
                    self._compare(one.node, other.node, where, depth + 1, branch=alone)
        # Another form may accept what a removed form accepted, unless the two exclude each other.
        for variant in old:
            certain = all(variant.excludes(other) for other in now) or not (new or self._request)
            effect = "narrower" if certain else "open"
            self._add(path, "variant-removed", effect, f"form removed: {variant.label}")
        for variant in new:
            certain = all(variant.excludes(other) for other in was) or (self._request and not old)
            effect = "wider" if certain else "open"
            self._add(path, "variant-added", effect, f"form added: {variant.label}")

    def _add(self, path: str, kind: str, effect: str, message: str) -> None:
        breaking = {"narrower": self._request, "wider": not self._request, "different": True, "none": False}
        self._note(path, kind, breaking.get(effect), message)

    def _note(self, path: str, kind: str, breaking: bool | None, message: str) -> None:
        self.records.append(Change(self._operation, self._place, path, kind, breaking, message))


def _restricts(normal: NormalizedSchema) -> bool:
    return normal.types is not None or normal.enum is not None or bool(normal.variants)


def _restricts_beside(normal: NormalizedSchema) -> bool:
    """Whether a schema with a union also has other rules."""
    return bool(normal.types is not None or normal.properties or normal.required or normal.bounds)


def _anything(additional: object) -> bool:
    return additional is True or additional == {}


def _values(values: list[Any]) -> str:
    def shown() -> Iterator[str]:
        yield from (json.dumps(value, ensure_ascii=False) for value in values[:8])
        if len(values) > 8:
            yield f"and {len(values) - 8} more"

    return ", ".join(shown())
