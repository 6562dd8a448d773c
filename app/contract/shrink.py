"""Finds a small part of a large invalid instance that is still invalid.

Listing the faults of an instance costs validators time and memory for every fault and every branch of every union: a
body of 60 kB that is invalid everywhere took seconds and gigabytes. Checking only whether it is valid takes
microseconds. So arrays, objects and texts are halved for as long as the rest is invalid, and faults are listed only for
the rest, which has few.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from itertools import islice
from typing import Any

from .pointers import JsonPath

# Nodes up to these sizes are not cut.
_FEW_ITEMS = 1
_FEW_PROPERTIES = 48
_SHORT_TEXT = 1_000
# The most containers that are visited; the others are not cut.
_MOST_NODES = 2_000
# The most levels that the search for the invalid value descends, and the most fields or items that it tries per level.
_MOST_LEVELS = 10
_MOST_CHILDREN = 64
# The most bytes that are validated: a multiple of the size of the whole instance, plus a constant.
_WHOLES = 4
_MORE = 2_000_000


class Shrunken:
    """``instance`` is the remaining part. `original` maps paths in it to paths in the whole instance. ``cut`` contains
    the paths, in ``instance``, of the nodes that were cut."""

    def __init__(self, is_valid: Callable[[Any], bool], whole: object, keep: frozenset[JsonPath] = frozenset()) -> None:
        self._is_valid = is_valid
        self._offsets: dict[JsonPath, int] = {}
        self.instance = whole
        self._size = _size(whole)
        self._left = _WHOLES * self._size + _MORE
        self.cut: set[JsonPath] = set()
        # Nearest to the root first, so that nodes that are cut away are not visited.
        left: list[JsonPath] = [()]
        for path in left:
            if len(left) > _MOST_NODES or self._left < self._size:
                break
            node = _get(self.instance, path)
            if path not in keep:
                node = self._cut(path, node)
            if isinstance(node, dict):
                left += [(*path, name) for name in node]
            elif isinstance(node, list) and len(node) <= _FEW_ITEMS:
                left += [(*path, index) for index in range(len(node))]

    def original(self, path: JsonPath) -> JsonPath:
        """Return the path in the whole instance for a path in `instance`."""
        return tuple(
            part + self._offsets.get(path[:depth], 0) if isinstance(part, int) else part
            for depth, part in enumerate(path)
        )

    def culprit(self) -> tuple[JsonPath, Any]:
        """Return the deepest path in ``instance`` without which the instance is valid, and the value there. It is found
        by leaving out fields and items one by one."""
        path: JsonPath = ()
        node: Any = self.instance
        for _ in range(_MOST_LEVELS):
            for key in islice(node if isinstance(node, dict) else range(_length(node)), _MOST_CHILDREN):
                if self._left < self._size:
                    return path, node
                self._left -= self._size
                rest = node.copy()
                del rest[key]
                if self._is_valid(_replace(self.instance, path, rest)):
                    path, node = (*path, key), node[key]
                    break
            else:
                break
        return path, node

    def _cut(self, path: JsonPath, node: object) -> Any:
        if isinstance(node, list) and len(node) > _FEW_ITEMS:
            start, rest = self._halve(path, node, _FEW_ITEMS, lambda items: items)
            self._offsets[path] = start
        elif isinstance(node, dict) and len(node) > _FEW_PROPERTIES:
            _, rest = self._halve(path, list(node.items()), _FEW_PROPERTIES, dict)
        elif isinstance(node, str) and len(node) > _SHORT_TEXT and self._try(path, node[:_SHORT_TEXT]):
            rest = node[:_SHORT_TEXT]
        else:
            return node
        if len(rest) < len(node):
            self.cut.add(path)
        return rest

    def _halve(self, path: JsonPath, items: list[Any], few: int, make: Callable[[list[Any]], Any]) -> tuple[int, Any]:
        """Remove halves while the rest is invalid. Stop early if the fault needs both halves, as with too many items.
        Return the index of the first remaining item, and the rest."""
        start, end = 0, len(items)
        while end - start > few:
            middle = (start + end) // 2
            if self._try(path, make(items[start:middle])):
                end = middle
            elif self._try(path, make(items[middle:end])):
                start = middle
            else:
                break
        return start, make(items[start:end])

    def _try(self, path: JsonPath, node: object) -> bool:
        """Replace the node at a path if the instance is still invalid afterwards. Return whether it was replaced."""
        candidate = _replace(self.instance, path, node)
        if self._left < self._size:
            return False
        self._left -= self._size
        if self._is_valid(candidate):
            return False
        self.instance = candidate
        self._size = _size(candidate)
        return True


def _size(instance: Any) -> int:
    """Return the approximate size of an instance in bytes, which is a measure of how long its validation takes."""
    try:
        return len(marshal.dumps(instance, 2))  # version 2 writes repeated objects in full
    except ValueError:  # a form may contain values that are not JSON, and is small
        return 1


def _length(node: object) -> int:
    return len(node) if isinstance(node, list) else 0


def _get(instance: Any, path: JsonPath) -> Any:
    for part in path:
        instance = instance[part]
    return instance


def _replace(instance: Any, path: JsonPath, node: Any) -> Any:
    """Return a copy with another node at a path; it shares everything except the containers on the path."""
    if not path:
        return node
    copy = instance.copy()
    copy[path[0]] = _replace(instance[path[0]], path[1:], node)
    return copy
