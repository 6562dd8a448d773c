"""Adapts a response to a schema that does not allow all of it, if it is certain how: by leaving something out.

Another author's document may require another form of the same response: a closed object does not list a property, a
property may be absent but not null, or a property is required that is optional elsewhere. Nothing else is ever changed.
The only values added are those that the creator of the response provided for this.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from ..jsontypes import Json
from .explain import find_fault
from .faults import Validator
from .pointers import PathPattern

# The most changes tried on one response; with more changes it would be a different response.
_MOST = 64


class Mender:
    """Removes from responses what a schema does not allow. Changes learned from one response are applied to the next
    one before it is validated again. ``left_out`` maps the paths removed so far to whether only null is removed.
    ``spare`` maps paths to values that may be added where they are required; ``added`` are those that are added."""

    def __init__(self, validator: Validator, spare: Mapping[PathPattern, Any] | None = None) -> None:
        self._validator = validator
        self._spare = spare or {}
        self.left_out: dict[PathPattern, bool] = {}
        self.added: dict[PathPattern, Any] = {}

    def mend(self, body: Json) -> Json | None:
        """Return a valid body, which is a copy if anything was changed; None if no certain change makes it valid."""
        if self._validator.is_valid(body):
            return body
        body = copy.deepcopy(body)
        for pattern, only_null in self.left_out.items():
            _leave_out(body, pattern, only_null)
        for pattern, value in self.added.items():
            _add(body, pattern, value)
        for _ in range(_MOST):
            if self._validator.is_valid(body):
                return body
            fault, found = find_fault(self._validator, body)
            missing = _pattern((*fault.path, str(fault.value))) if fault.keyword == "required" else ()
            if missing in self._spare and missing not in self.added:
                self.added[missing] = self._spare[missing]
                _add(body, missing, self._spare[missing])
            elif fault.keyword in ("additionalProperties", "unevaluatedProperties") and fault.value:
                for name in fault.value:
                    self._learn(body, (*fault.path, name), only_null=False)
            elif found is None and fault.path and isinstance(fault.path[-1], str):
                self._learn(body, fault.path, only_null=True)
            else:
                return None
        return None

    def _learn(self, body: Json, path: Iterable[str | int], *, only_null: bool) -> None:
        pattern = _pattern(path)
        self.left_out[pattern] = only_null
        _leave_out(body, pattern, only_null)


def _pattern(path: Iterable[str | int]) -> PathPattern:
    return tuple(None if isinstance(part, int) else str(part) for part in path)


def _add(node: object, pattern: PathPattern, value: object) -> None:
    name, *rest = pattern
    if name is None:
        for item in node if isinstance(node, list) else ():
            _add(item, tuple(rest), value)
    elif isinstance(node, dict) and rest:
        _add(node.get(name), tuple(rest), value)
    elif isinstance(node, dict):
        node.setdefault(name, copy.deepcopy(value))


def _leave_out(node: object, pattern: PathPattern, only_null: bool) -> None:
    name, *rest = pattern
    if name is None:
        for item in node if isinstance(node, list) else ():
            _leave_out(item, tuple(rest), only_null)
    elif isinstance(node, dict) and name in node:
        if rest:
            _leave_out(node[name], tuple(rest), only_null)
        elif node[name] is None or not only_null:
            del node[name]
