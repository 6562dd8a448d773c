"""Finds all faults of an instance in a bounded number of steps.

Validators list the faults of a part of the instance again for each schema path that leads to it. For a union that
contains itself, the time at least doubles with each level of a body. So schemas are cut into pieces at their references
and unions, and each part of the instance is validated against each piece once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ..jsontypes import Json
from .faults import Fault, Validator
from .pointers import JsonPath, pointer_in, pointer_to, reference_to

# A step is the validation of one part of the instance against one piece, about 20 microseconds; a large part counts as
# several steps.
MOST_STEPS = 2_000
_VALUES = 100
_CHARACTERS = 5_000  # count as a value

# The document's own address.
URI = "urn:parley:document"

_MARK = "parley:piece:"
_ONE = ("items", "additionalProperties", "then", "else")
_MANY = ("allOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "dependentSchemas")
_UNIONS = ("anyOf", "oneOf")
_DATA = frozenset({"enum", "const", "default", "example", "examples"})
# Keywords that depend on all other rules for the same value, or on the path by which the schema was reached.
_WHOLE = frozenset({"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "$id"})


class TooManySteps(Exception):
    """Finding the faults would take too long."""


class Pieces:
    """The pieces of a document's schemas by pointer. ``read`` returns the schema at a pointer, ``compile`` the
    validator of a schema."""

    def __init__(self, read: Callable[[str], Any], compile: Callable[[Json], Validator]) -> None:
        self._read = read
        self._compile = compile
        self._wholes: dict[str, Validator] = {}
        self._made: dict[str, tuple[Validator, bool]] = {}

    def faults(self, pointer: str, instance: object, *, most: int = MOST_STEPS) -> tuple[Fault, ...]:
        """Return the faults of an instance under the schema at a pointer.

        Raises:
            TooManySteps: the search was stopped before it was complete.
        """
        try:
            return _Search(self, most).faults(pointer, instance, ())
        except RecursionError:
            raise TooManySteps from None

    def piece(self, pointer: str) -> tuple[Validator, bool]:
        """Return the validator of a piece, which reports a fault at each place where another piece applies; and whether
        the schema has rules beyond the pieces, which are checked only if the pieces have no faults."""
        if pointer not in self._made:
            schema = self._read(pointer)
            more = isinstance(schema, dict) and not _WHOLE.isdisjoint(schema)
            try:
                self._made[pointer] = (self._compile(_cut(schema, pointer)), more)
            except Exception:  # each library has its own exceptions; a reference may lead to an invalid schema
                self._made[pointer] = (self.whole(pointer), False)
        return self._made[pointer]

    def whole(self, pointer: str) -> Validator:
        if pointer not in self._wholes:
            self._wholes[pointer] = self._compile({"$ref": URI + reference_to(pointer)})
        return self._wholes[pointer]


class _Search:
    def __init__(self, pieces: Pieces, most: int) -> None:
        self._pieces = pieces
        self._left = most
        self._known: dict[tuple[str, JsonPath], tuple[Fault, ...]] = {}

    def faults(self, pointer: str, part: Any, path: JsonPath) -> tuple[Fault, ...]:
        """Return the faults of a part of the instance, with their paths in the whole instance."""
        key = (pointer, path)
        if key not in self._known:
            self._known[key] = ()  # for a reference that leads back to itself
            self._left -= 1 + _size(part, self._left * _VALUES) // _VALUES
            if self._left < 0:
                raise TooManySteps
            validator, more = self._pieces.piece(pointer)
            # By identity, so that a part that is validated against several pieces is reported once.
            found = {id(fault): fault for fault in self._follow(validator.faults(part), part, path)}
            if more and not found:
                faults = self._pieces.whole(pointer).faults(part)
                found = {id(fault): fault for fault in (_moved(fault, path) for fault in faults)}
            self._known[key] = tuple(found.values())
        return self._known[key]

    def _follow(self, faults: Iterator[Fault], part: Any, path: JsonPath) -> Iterator[Fault]:
        for fault in faults:
            mark = fault.value.get("$comment") if fault.keyword == "not" and isinstance(fault.value, dict) else None
            if not isinstance(mark, str) or not mark.startswith(_MARK):
                yield _moved(fault, path)
                continue
            keyword, count, pointer = mark.removeprefix(_MARK).split(" ", 2)
            below, culprit = follow(part, fault.path)
            place = (*path, *below)
            if keyword not in _UNIONS:
                yield from self.faults(pointer, culprit, place)
                continue
            branches = tuple(self.faults(f"{pointer}/{index}", culprit, place) for index in range(int(count)))
            fitting = branches.count(())
            if not fitting or (keyword == "oneOf" and fitting > 1):
                yield Fault(keyword, None, place, branches)


def _size(part: Any, most: int) -> int:
    """Count the values in a part of an instance. Counting stops above ``most``."""
    size = 0
    left = [part]
    while left and size <= most:
        value = left.pop()
        size += 1 + len(value) // _CHARACTERS if isinstance(value, str) else 1
        if isinstance(value, dict | list):
            left += value.values() if isinstance(value, dict) else value
    return size


def follow(instance: Any, path: JsonPath) -> tuple[JsonPath, Any]:
    """Return the path with its keys as they are in the instance, and the value there."""
    followed: list[str | int] = []
    for part in path:
        # jsonschema-rs reports a property whose name looks like a number as a number.
        key = str(part) if isinstance(instance, dict) else part
        followed.append(key)
        instance = instance[key]
    return tuple(followed), instance


def _moved(fault: Fault, path: JsonPath) -> Fault:
    branches = tuple(tuple(_moved(child, path) for child in branch) for branch in fault.branches)
    return replace(fault, path=(*path, *fault.path), branches=branches)


def _cut(schema: Any, pointer: str, *, top: bool = True) -> Any:
    """Return the schema with each reference and union replaced by a mark, which no value matches."""
    if not isinstance(schema, dict):
        return schema
    if not top and not _WHOLE.isdisjoint(schema):
        return _mark("$ref", 0, pointer)
    result: Json = {}
    marks = []
    for key, value in schema.items():
        below = pointer + pointer_to(key)
        if key == "$ref" and isinstance(value, str):
            marks.append(_mark("$ref", 0, pointer_in(value)))
        elif key in _UNIONS and isinstance(value, list):
            marks.append(_mark(key, len(value), below))
        elif key in _MANY and isinstance(value, list):
            result[key] = [_cut(child, f"{below}/{index}", top=False) for index, child in enumerate(value)]
        elif key in _NAMED and isinstance(value, dict):
            result[key] = {name: _cut(child, below + pointer_to(name), top=False) for name, child in value.items()}
        elif key in _ONE:
            result[key] = _cut(value, below, top=False)
        elif key not in _WHOLE:
            result[key] = value if key in _DATA else _absolute(value)
    if marks:
        result["allOf"] = [*result.get("allOf", ()), *marks]
    return result


def _absolute(node: Any) -> Any:
    """Return the node with its local references made absolute, so that they resolve from anywhere."""
    if isinstance(node, list):
        return [_absolute(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: URI + value
        if key == "$ref" and isinstance(value, str) and value.startswith("#")
        else value
        if key in _DATA
        else _absolute(value)
        for key, value in node.items()
    }


def _mark(keyword: str, count: int, pointer: str) -> Json:
    return {"not": {"$comment": f"{_MARK}{keyword} {count} {pointer}"}}
