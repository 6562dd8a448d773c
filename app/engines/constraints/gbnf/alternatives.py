"""Expands a schema for one value: to alternatives, each of which is a list of plain schemas that apply together.

References are followed, and ``allOf``, ``anyOf`` and ``oneOf`` are multiplied out. References in a schema are relative
to its root: the nearest enclosing schema with an ``$id``, or the outermost schema.
"""

from __future__ import annotations

from ..limits import resolve
from .expressions import Unsayable
from .parts import RELEVANT, Facts, Parts, Place, kinds

_MOST = 1_000
# The maximum number of pairs of branches to distinguish.
_MOST_PAIRS = 50_000


def alternatives(places: tuple[Place, ...]) -> list[Parts]:
    """Return the alternatives that obey all of some schemas.

    Raises:
        Unsayable: there are too many; or exactly one must fit, and they cannot be distinguished.
    """
    result: list[Parts] = [()]
    for place in places:
        result = _product(result, _of(place))
    return result


def _of(place: Place) -> list[Parts]:
    schema = place.schema
    if isinstance(schema, bool):
        return [()] if schema else []
    own = {key: value for key, value in schema.items() if key in RELEVANT}
    result: list[Parts] = [(Place(own, place.root),)] if own else [()]
    if "$ref" in schema:
        result = _product(result, _of(place.child(resolve(place.root, schema["$ref"]))))
    for child in schema.get("allOf", ()):
        result = _product(result, _of(place.child(child)))
    if "anyOf" in schema:
        result = _product(result, [parts for child in schema["anyOf"] for parts in _of(place.child(child))])
    if "oneOf" in schema:
        result = _product(result, _exclusive([_of(place.child(child)) for child in schema["oneOf"]]))
    return result


def _product(one: list[Parts], other: list[Parts]) -> list[Parts]:
    if len(one) * len(other) > _MOST:
        raise Unsayable
    return [(*a, *b) for a in one for b in other]


def _exclusive(children: list[list[Parts]]) -> list[Parts]:
    """Return the alternatives of branches of which exactly one may fit. If that helps, what distinguishes them becomes
    required."""
    if sum(map(len, children)) ** 2 > _MOST_PAIRS:
        raise Unsayable
    as_given = [[Facts(parts) for parts in child] for child in children]
    tagged = [[_tagged(parts) for parts in child] for child in children]
    for demanded, facts in ((children, as_given), (tagged, [[Facts(parts) for parts in child] for child in tagged])):
        result: list[Parts] = []
        for index, child in enumerate(facts):
            others = [other for position, found in enumerate(as_given) if position != index for other in found]
            for parts, made in zip(demanded[index], child, strict=True):
                apart = [_set_apart(made, other) for other in others]
                if any(found is None for found in apart):
                    break
                left_out = dict.fromkeys(sorted(set().union(*filter(None, apart))), False)
                # Keywords beside the branches must not allow again what distinguishes the branches.
                kept = {"type": sorted(made.kinds), "properties": left_out}
                result.append(parts if made.listed is not None else (*parts, Place(kept, None)))
            else:
                continue
            break
        else:
            return result
    raise Unsayable


def _tagged(parts: Parts) -> Parts:
    """Return an alternative that requires the properties whose texts are listed."""
    tags = [*Facts(parts).fixed]
    return (*parts, Place({"required": tags}, None)) if tags and kinds(parts) == ["object"] else parts


def _set_apart(made: Facts, other: Facts) -> set[str] | None:
    """Return the properties that must be absent, so that no text generated for one alternative obeys the other; None:
    some text may."""
    if made.listed is not None:
        return None if any(_may_obey(value, other) for value in made.listed) else set()
    if not other.allowed & made.kinds:
        return set()
    if made.kinds != {"object"}:
        return None
    # That an object has properties that the other may not have proves nothing: `Schema` may only have closed the other.
    if any(not made.fixed[name] & other.fixed.get(name, made.fixed[name]) for name in made.required & {*made.fixed}):
        return set()
    missing = sorted(other.required - made.names) if made.names else []
    return {missing[0]} if missing else None


def _may_obey(value: object, other: Facts) -> bool:
    if isinstance(value, dict | list):
        return ("object" if isinstance(value, dict) else "array") in other.allowed
    return other.obeyed.by(value)
