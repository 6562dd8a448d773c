"""Removes nulls: null in a request means that the property is left out."""

from __future__ import annotations

from operator import is_
from typing import Any

from ..jsontypes import Json

# Properties that hold the client's own data, in which null is a value.
_DATA = frozenset({"parameters", "schema", "metadata", "chat_template_kwargs"})
# A message may be required to have it.
_KEPT = "content"
# The types of values that are null or may contain null.
_LOOKED_AT = frozenset({type(None), dict, list})


def without_nulls(body: Json) -> Json:
    """A request without the properties that are null. Parts without nulls are not copied."""
    smaller: Json = _without(body)
    return smaller


def _without(value: Any) -> Any:
    is_list = isinstance(value, list)
    if _LOOKED_AT.isdisjoint(map(type, value if is_list else value.values())):
        return value  # most messages: two texts
    if is_list:
        items = [_without(item) if isinstance(item, dict | list) else item for item in value]
        return value if all(map(is_, items, value)) else items
    changed: Json | None = None
    for name, inner in value.items():
        if inner is None:
            if name != _KEPT:
                changed = dict(value) if changed is None else changed
                del changed[name]
        elif isinstance(inner, dict | list) and name not in _DATA and (smaller := _without(inner)) is not inner:
            changed = dict(value) if changed is None else changed
            changed[name] = smaller
    return value if changed is None else changed
