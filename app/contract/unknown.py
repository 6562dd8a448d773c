"""A body without what its schema does not know, for those who would rather go on without it."""

from __future__ import annotations

from typing import Any

from .explain import explain, find_fault, path_text
from .faults import Validator
from .pointers import JsonPath


def without_unknown(validator: Validator, instance: object, most: int) -> tuple[object, list[str]]:
    """A valid instance, made of an invalid one by leaving out the fields that no schema knows, and their paths. At most
    so many places are looked for that have some, as each costs a look at all; nor may one have more of them than are
    told of at once.

    Raises:
        BadRequest: something else is wrong with it.
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
    """A copy without some fields of the object at a path, which shares all else."""
    if not path:
        return {name: inner for name, inner in value.items() if name not in names}
    smaller: Any = list(value) if isinstance(value, list) else dict(value)
    smaller[path[0]] = _without(value[path[0]], path[1:], names)
    return smaller
