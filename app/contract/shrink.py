"""Finds a small part of a large invalid instance that is still invalid.

Listing what is wrong with an instance costs validators time and memory for every fault and every branch of every
union: a body of 60 kB that is wrong everywhere took seconds and gigabytes. Asking only whether it is valid costs
microseconds. So arrays, objects and texts are halved for as long as what is left is invalid, and only the rest, with
few faults, is looked at closely.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from itertools import islice
from typing import Any

from .pointers import JsonPath

# Up to these sizes a node is left as it is.
_FEW_ITEMS = 1
_FEW_PROPERTIES = 48
_SHORT_TEXT = 1_000
# Containers looked into; what lies beyond is left whole.
_MOST_NODES = 2_000
# Levels that the search for a culprit goes down, and fields or items of one that it tries.
_MOST_LEVELS = 10
_MOST_CHILDREN = 64
# Bytes that may be held against the schema: so many times the whole, and some more.
_WHOLES = 4
_MORE = 2_000_000


class Shrunken:
    """``instance`` is the part that is left. `original` leads back to the places in the whole. ``cut`` has the paths,
    in ``instance``, of the nodes that something was taken away from."""

    def __init__(self, is_valid: Callable[[Any], bool], whole: object, keep: frozenset[JsonPath] = frozenset()) -> None:
        self._is_valid = is_valid
        self._offsets: dict[JsonPath, int] = {}
        self.instance = whole
        self._size = _size(whole)
        self._left = _WHOLES * self._size + _MORE
        self.cut: set[JsonPath] = set()
        # Nearest to the root first: what is cut there needs no look any more.
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
        """The path in the whole of a path in `instance`."""
        return tuple(
            part + self._offsets.get(path[:depth], 0) if isinstance(part, int) else part
            for depth, part in enumerate(path)
        )

    def culprit(self) -> tuple[JsonPath, Any]:
        """The deepest place, in ``instance``, that is found by leaving out fields and items one by one: without it the
        instance is valid. And what is there."""
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
        """Take halves away while the rest is invalid. Stops early where the fault needs both halves, as with too many
        items. Gives the index of the first item left, and what is left."""
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
        """Whether the instance is still invalid with another node at a path; then it stays there."""
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
    """About how many bytes there are in an instance, which tells how long it takes to hold it against a schema."""
    try:
        return len(marshal.dumps(instance, 2))  # the second form writes again what comes again
    except ValueError:  # a form may have more than JSON, and is small
        return 1


def _length(node: object) -> int:
    return len(node) if isinstance(node, list) else 0


def _get(instance: Any, path: JsonPath) -> Any:
    for part in path:
        instance = instance[part]
    return instance


def _replace(instance: Any, path: JsonPath, node: Any) -> Any:
    """A copy that shares everything but the containers on the path."""
    if not path:
        return node
    copy = instance.copy()
    copy[path[0]] = _replace(instance[path[0]], path[1:], node)
    return copy
