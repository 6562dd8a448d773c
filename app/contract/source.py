"""The schemas of a document in the form that validators are compiled from, see `app.contract.upgrade`.

A document is converted in parts, each on first use: converting all of a large document takes as much memory as the rest
of a server.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from ..jsontypes import Json
from .document import Document
from .event_schemas import media_types_of_events, read_data, read_items
from .pointers import descend, pointer_in, tokens
from .sequences import EVENTS
from .structure import FILES, references, since_3_2
from .upgrade import Direction, upgrade

# A part is a component, an operation, the parameters of a path, or a file. Values: the number of pointer tokens that
# identify a part.
_DEPTHS = {"components": 3, "paths": 3, FILES: 2}
Part = tuple[str, ...]


class SchemaSource:
    """The schemas of a document by JSON pointer, for the direction of an exchange (request or response)."""

    def __init__(self, document: Document, direction: Direction | None = None) -> None:
        self._document = document
        self._direction = direction
        self._parts: dict[Part, Any] = {}
        self._leads: dict[Part, tuple[Part, ...]] = {}

    def node(self, pointer: str) -> Any:
        """Return the node at a pointer.

        Raises:
            LookupError: there is no node, or no schema can be at this place.
            DocumentError: a reference near it cannot be resolved.
        """
        path = tokens(pointer)
        return descend(self._read(_part(path)), path[len(_part(path)) :])

    def alone(self, pointer: str) -> Json | None:
        """Return the schema at a pointer if it contains no references and can thus be used outside the document; else
        None."""
        try:
            schema = self.node(pointer)
        except LookupError:
            return None
        refers = next(references(schema), None) is not None
        return schema if isinstance(schema, dict) and not refers else None

    def closure(self, pointers: Iterable[str]) -> Json:
        """Return the parts of the document that hold the schemas at some pointers, and all parts that these refer to,
        at the same pointers. Missing parts are left out.

        Raises:
            DocumentError: as `node`.
        """
        todo = [_part(tokens(pointer)) for pointer in pointers]
        result: Json = {}
        seen = set[Part]()
        while todo:
            part = todo.pop()
            if part in seen:
                continue
            seen.add(part)
            try:
                node = self._read(part)
            except LookupError:
                continue
            holder = result
            for token in part[:-1]:
                holder = holder.setdefault(token, {})
            holder[part[-1]] = node
            todo += self._leads_to(part)
        return result

    def _read(self, part: Part) -> Any:
        if not part:
            raise KeyError("there are schemas in components and paths only")
        if part not in self._parts:
            node = self._parts[part] = upgrade(
                descend(self._document.content, part),
                version=self._document.version,
                resolve=self._document.target,
                direction=self._direction,
            )
            if self._has_events:
                read_data(node, self._target)
                if part in self._media_types_of_events:
                    read_items(node, self._target)
        return self._parts[part]

    @cached_property
    def _has_events(self) -> bool:
        return since_3_2(self._document.version) and EVENTS.encode() in self._document.json_bytes

    @cached_property
    def _media_types_of_events(self) -> frozenset[Part]:
        """The components that describe event streams. Outside components, the key of a media type object names the
        type."""
        return frozenset(tuple(tokens(pointer_in(each))) for each in media_types_of_events(self._document.content))

    def _target(self, reference: str) -> Any:
        try:
            return self.node(pointer_in(reference))
        except LookupError:
            return None

    def _leads_to(self, part: Part) -> tuple[Part, ...]:
        if part not in self._leads:
            found = {_part(tokens(pointer_in(reference))) for _, reference in references(self._parts[part])}
            self._leads[part] = tuple(found)
        return self._leads[part]


def _part(path: list[str]) -> Part:
    """Return the part that a pointer leads into; an empty one, which is never read, if the pointer leads elsewhere."""
    return tuple(path[: _DEPTHS.get(path[0], 0)]) if path else ()
