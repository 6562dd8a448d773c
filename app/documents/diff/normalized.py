"""The normal form of schemas, in which equivalent schemas are equal. It is used to compare two documents.

References are followed, ``allOf`` is merged, null is separated from the types, and a union with one branch is replaced
by the branch. So a 3.0 document and an equivalent 3.1 document have the same forms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...contract.document import Document
from ...contract.pointers import last_token, pointer_in
from ...contract.source import SchemaSource
from ...jsontypes import Json

BOUNDS = (
    *("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"),
    *("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"),
)
_NOTES = frozenset({"title", "description", "example", "examples", "deprecated", "externalDocs", "xml", "$comment"})
_KNOWN = frozenset(
    {
        *("type", "enum", "const", "properties", "required", "additionalProperties", "items", "pattern", "format"),
        *("default", "anyOf", "oneOf", "allOf", "$ref", "discriminator", "nullable", "readOnly", "writeOnly"),
        *BOUNDS,
        *_NOTES,
    }
)
_NULL = {"type": "null"}
# Longer chains of references are not followed further, because they would be circular.
_DEPTH = 32


@dataclass(slots=True)
class NormalizedSchema:
    """The rules of a schema. ``types`` is None if any type is allowed; it never contains null, which ``nullable``
    represents. ``variants`` are the branches of a union. ``others`` are keywords that are only compared for equality.
    """

    types: frozenset[str] | None = None
    nullable: bool = False
    enum: list[Any] | None = None
    bounds: Json = field(default_factory=dict)
    properties: Json = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    additional: object = True
    items: object = None
    variants: list[Any] = field(default_factory=list)
    others: Json = field(default_factory=dict)
    title: str = ""
    deprecated: bool = False

    @property
    def closed(self) -> bool:
        return self.additional is False


class NormalizedSchemas:
    """The schemas of one document in their normal form."""

    def __init__(self, document: Document) -> None:
        self._source = SchemaSource(document)
        self._made: dict[int, NormalizedSchema] = {}
        # Nothing else refers to merged schemas: they are kept so that their ids are not reused.
        self._merged: dict[tuple[int, int], Any] = {}

    def at(self, pointer: str) -> Any:
        """Return the schema at a pointer in the document."""
        return self._source.node(pointer)

    def name(self, node: Any) -> str:
        """Return the name of the component that a schema refers to, or the empty string."""
        node = self._peel(node)
        if _is_held(node):
            node = node["allOf"][0]
        return last_token(pointer_in(str(node["$ref"]))) if isinstance(node, dict) and "$ref" in node else ""

    def body(self, node: Any) -> Any:
        """Return the target of a schema that is only a reference, or a reference or null; else the schema."""
        for _ in range(_DEPTH):
            node = self._peel(node)
            if not (isinstance(node, dict) and "$ref" in node):
                break
            node = self.at(pointer_in(node["$ref"]))
        return node

    def of(self, node: Any) -> NormalizedSchema:
        if id(node) not in self._made:
            self._made[id(node)] = self._normalize(node, 0)
        return self._made[id(node)]

    def _peel(self, node: Any) -> Any:
        """Return a schema without enclosing unions and ``allOf`` lists that have one member, and annotations."""
        while isinstance(node, dict):
            rules = [name for name in node if name not in _NOTES and name not in ("default", "discriminator")]
            if rules == ["$ref"]:
                return {"$ref": node["$ref"]}
            if len(rules) != 1 or rules[0] not in ("anyOf", "oneOf", "allOf"):
                break
            branches = [branch for branch in node[rules[0]] if branch != _NULL]
            if len(branches) != 1:
                break
            node = branches[0]
        return node

    def _normalize(self, node: object, depth: int) -> NormalizedSchema:
        normal = NormalizedSchema()
        if node is False:
            normal.types = frozenset()
        if not isinstance(node, dict):
            return normal
        kinds = node.get("type")
        if kinds is not None:
            named = {kinds} if isinstance(kinds, str) else set(kinds)
            normal.nullable = "null" in named
            normal.types = frozenset(named - {"null"}) | ({"integer"} if "number" in named else frozenset())
        elif "properties" in node:
            normal.types = frozenset({"object"})
        if "enum" in node or "const" in node:
            normal.enum = list(node["enum"]) if "enum" in node else [node["const"]]
            normal.nullable = None in normal.enum if kinds is None else normal.nullable and None in normal.enum
            normal.enum = [value for value in normal.enum if value is not None]
        normal.bounds = {name: node[name] for name in BOUNDS if name in node}
        normal.properties = dict(node.get("properties") or {})
        normal.required = frozenset(node.get("required") or ())
        normal.additional = node.get("additionalProperties", True)
        normal.items = node.get("items")
        normal.title = str(node.get("title", ""))
        normal.deprecated = node.get("deprecated") is True
        normal.others = {
            name: value
            for name, value in node.items()
            if name in ("pattern", "format", "default", "readOnly", "writeOnly")
            or (name not in _KNOWN and not name.startswith("x-"))
        }
        if depth < _DEPTH:
            self._combine(normal, node, depth)
        return normal

    def _combine(self, normal: NormalizedSchema, node: Json, depth: int) -> None:
        parts = [self._normalize(part, depth + 1) for part in node.get("allOf") or ()]
        if isinstance(node.get("$ref"), str):
            parts.append(self._normalize(self.at(pointer_in(node["$ref"])), depth + 1))
        for part in parts:
            self._merge(normal, part)
        for union in ("anyOf", "oneOf"):
            if union not in node:
                continue
            branches = [branch for branch in node[union] if branch != _NULL]
            if len(branches) == 1:
                self._merge(normal, self._normalize(branches[0], depth + 1))
            elif normal.variants:
                normal.others[union] = branches
            else:
                normal.variants = branches
            normal.nullable = normal.nullable or len(branches) < len(node[union])

    def _merge(self, normal: NormalizedSchema, part: NormalizedSchema) -> None:
        bare = normal.types is None and normal.enum is None and not normal.variants
        normal.nullable = part.nullable if bare else normal.nullable and part.nullable
        if part.types is not None:
            normal.types = part.types if normal.types is None else normal.types & part.types
        if part.enum is not None:
            normal.enum = part.enum if normal.enum is None else [v for v in normal.enum if v in part.enum]
        for name, bound in part.bounds.items():
            tighter = max if name.startswith(("min", "exclusiveMin")) else min
            normal.bounds[name] = tighter(normal.bounds.get(name, bound), bound)
        for name, schema in part.properties.items():
            normal.properties[name] = (
                self._both(normal.properties[name], schema) if name in normal.properties else schema
            )
        normal.required |= part.required
        normal.additional = part.additional if normal.additional is True else normal.additional
        normal.items = part.items if normal.items is None else normal.items
        normal.title = normal.title or part.title
        normal.others = {**part.others, **normal.others}
        if not normal.variants:
            normal.variants = part.variants
        elif part.variants:
            normal.others["anyOf"] = part.variants

    def _both(self, one: object, other: object) -> Any:
        if one == other:
            return one
        return self._merged.setdefault((id(one), id(other)), {"allOf": [one, other]})


def _is_held(node: object) -> bool:
    """Whether the upgrade restricted a branch of a union to its discriminator's values."""
    parts = node.get("allOf") if isinstance(node, dict) else None
    if not isinstance(parts, list) or len(parts) != 2 or "$ref" not in parts[0]:
        return False
    rules = set(parts[1])
    return rules in ({"type", "required", "properties"}, {"properties"}) and len(parts[1]["properties"]) == 1
