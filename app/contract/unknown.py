"""Removes the fields that a schema does not know from a body, instead of rejecting the body."""

from __future__ import annotations

from typing import Any

from .explain import explain, find_fault, path_text
from .faults import Validator
from .pointers import JsonPath


def without_unknown(validator: Validator, instance: object, most: int) -> tuple[object, list[str]]:
    """Return a valid copy of an invalid instance, without the fields that no schema knows, and the paths of these
    fields. Unknown fields are removed from at most ``most`` objects, because each costs a validation of the whole
    instance. All unknown fields of one object must be in a single fault.

    Raises:
        BadRequest: the instance is still invalid, for another reason or because of these limits.
    """
    left: Any = instance
    names: list[str] = []
    places: set[JsonPath] = set()
    while len(places) < most:
        fault, _ = find_fault(validator, left)
        is_unknown = fault.keyword in ("additionalProperties", "unevaluatedProperties") and bool(fault.value)
        if not is_unknown or fault.path in places:
            break
        places.add(fault.path)
        unknown = frozenset(map(str, fault.value))
        names += [path_text((*fault.path, name)) or "" for name in fault.value]
        left = _without(left, fault.path, unknown)
        if validator.is_valid(left):
            return left, names
    raise explain(validator, left)


def _without(value: Any, path: JsonPath, names: frozenset[str]) -> Any:
    """Return a copy without some fields of the object at a path; it shares all other values with the original."""
    if not path:
        return {name: inner for name, inner in value.items() if name not in names}
    smaller: Any = list(value) if isinstance(value, list) else dict(value)
    smaller[path[0]] = _without(value[path[0]], path[1:], names)
    return smaller
