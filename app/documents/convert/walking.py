"""Visits the objects of an OpenAPI document, each with its kind and pointer, and builds a copy from the results. Inner
objects are visited first."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ...contract.document import Document
from ...contract.methods import ADDITIONAL, QUERY
from ...contract.pointers import look_up, pointer_in, pointer_to, tokens
from ...contract.structure import FILES
from ...jsontypes import Json
from .standard import FIELDS as FIELDS_3_1

# Returns the replacement for an object. The arguments are its kind, a copy of it, and its pointer in the original.
Visit = Callable[[str, Json, str], Any]

FIELDS: dict[str, dict[str, str]] = {
    **FIELDS_3_1,
    "document": {
        "paths": "{path item}",
        "webhooks": "{path item}",
        "components": "components",
        "servers": "[server]",
        "tags": "[tag]",
    },
    "components": {**FIELDS_3_1["components"], "pathItems": "{path item}", "mediaTypes": "{media type}"},
    "path item": {
        **FIELDS_3_1["path item"],
        QUERY: "operation",
        ADDITIONAL: "{operation}",
        "servers": "[server]",
    },
    "operation": {**FIELDS_3_1["operation"], "servers": "[server]"},
    "media type": {
        **FIELDS_3_1["media type"],
        "itemSchema": "schema",
        "prefixEncoding": "[encoding]",
        "itemEncoding": "encoding",
    },
    "encoding": {"headers": "{header}"},
    "link": {"server": "server"},
    "server": {},
    "tag": {},
}
_SCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SCHEMAS = frozenset(
    {"items", "contains", "not", "if", "then", "else", "additionalProperties", "propertyNames", "contentSchema"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)


def walked(document: Document, visit: Visit) -> Json:
    """Return a copy of a document with each object replaced by the result of ``visit``. References are kept; their
    targets are visited."""
    return _Walk(document, visit).run()


def walked_part(document: Document, kind: str, pointer: str, visit: Visit) -> Any:
    """Do the same for the object of a kind at a pointer."""
    return _Walk(document, visit).object(kind, look_up(document.content, pointer), pointer)


class _Walk:
    def __init__(self, document: Document, visit: Visit) -> None:
        self._document = document
        self._visit = visit
        # Pointers of parts of other files, with the kinds that the references imply.
        self._elsewhere: dict[str, str] = {}

    def run(self) -> Json:
        content = self._document.content
        result: Json = self.object("document", {key: value for key, value in content.items() if key != FILES}, "")
        if FILES in content:
            result[FILES] = copy.deepcopy(content[FILES])
            done: set[str] = set()
            while left := self._elsewhere.keys() - done:
                for pointer in sorted(left):
                    done.add(pointer)
                    made = self.object(self._elsewhere[pointer], look_up(content, pointer), pointer)
                    *above, last = tokens(pointer)
                    holder = look_up(result, pointer_to(*above))
                    holder[int(last) if isinstance(holder, list) else last] = made
        return result

    def object(self, kind: str, node: Any, at: str) -> Any:
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            self._note(kind, node["$ref"])
            if kind not in ("schema", "path item"):
                return dict(node)
        if kind == "schema":
            return self._visit(kind, self._schema(node, at), at)
        if kind == "callback":
            return {name: self.object("path item", item, at + pointer_to(name)) for name, item in node.items()}
        result = dict(node)
        for name, inner in FIELDS[kind].items():
            if name in result:
                result[name] = self._field(inner, result[name], at + pointer_to(name), kind == "components")
        return self._visit(kind, result, at)

    def _field(self, kind: str, value: Any, at: str, named: bool) -> Any:
        if kind.startswith("{") and isinstance(value, dict):
            return {
                name: each
                if name.startswith("x-") and not named
                else self.object(kind[1:-1], each, at + pointer_to(name))
                for name, each in value.items()
            }
        if kind.startswith("[") and isinstance(value, list):
            return [self.object(kind[1:-1], each, at + pointer_to(index)) for index, each in enumerate(value)]
        return value if kind.startswith(("{", "[")) else self.object(kind, value, at)

    def _schema(self, node: Json, at: str) -> Json:
        result: Json = {}
        for key, value in node.items():
            place = at + pointer_to(key)
            if key in _SCHEMA_MAPS:
                result[key] = self._field("{schema}", value, place, True)
            elif key in _SCHEMA_LISTS:
                result[key] = self._field("[schema]", value, place, True)
            else:
                result[key] = self.object("schema", value, place) if key in _SCHEMAS else value
        return result

    def _note(self, kind: str, reference: str) -> None:
        pointer = pointer_in(reference) if reference.startswith("#/") else ""
        if tokens(pointer)[:1] == [FILES] and len(tokens(pointer)) > 1:
            self._elsewhere.setdefault(pointer, kind)
