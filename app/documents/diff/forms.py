"""One form for schemas that say the same in different words, so that two documents can be compared.

References are followed, ``allOf`` is merged, null is told apart from the types, and a union of one is that one: so a
3.0 document and its 3.1 twin have the same forms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ...contract.document import Document
from ...contract.structure import unescape
from ..lint.positions import tokens

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
# References deeper than this are left as they are; they would be circular.
_DEPTH = 32


@dataclass(slots=True)
class Form:
    """What a schema demands. ``types`` is None where any will do, and never has null, which ``nullable`` tells;
    ``variants`` are the branches of a union; ``others`` are keywords that are only compared for being equal."""

    types: frozenset[str] | None = None
    nullable: bool = False
    enum: list[Any] | None = None
    bounds: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    additional: Any = True
    items: Any = None
    variants: list[Any] = field(default_factory=list)
    others: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    deprecated: bool = False

    @property
    def closed(self) -> bool:
        return self.additional is False


class Forms:
    """The forms of the schemas of one document."""

    def __init__(self, document: Document) -> None:
        self._source = document.schema_source()
        self._made: dict[int, Form] = {}
        # Merged schemas are nobody else's: held, so that their ids stay theirs.
        self._merged: dict[tuple[int, int], Any] = {}

    def at(self, pointer: str) -> Any:
        """The schema at a pointer in the document."""
        node: Any = self._source
        for token in tokens(pointer):
            node = node[int(token)] if isinstance(node, list) else node[token]
        return node

    def name(self, node: Any) -> str:
        """The name of the component that a schema stands for, or the empty string."""
        node = self._peel(node)
        if _is_held(node):
            node = node["allOf"][0]
        return unescape(str(node["$ref"]).rpartition("/")[2]) if isinstance(node, dict) and "$ref" in node else ""

    def body(self, node: Any) -> Any:
        """What a schema that is only a reference, or a reference or null, leads to."""
        for _ in range(_DEPTH):
            node = self._peel(node)
            if not (isinstance(node, dict) and "$ref" in node):
                break
            node = self.at(unquote(node["$ref"][1:]))
        return node

    def form(self, node: Any) -> Form:
        if id(node) not in self._made:
            self._made[id(node)] = self._form(node, 0)
        return self._made[id(node)]

    def _peel(self, node: Any) -> Any:
        """Without unions and lists of one, and notes around them."""
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

    def _form(self, node: Any, depth: int) -> Form:
        form = Form()
        if node is False:
            form.types = frozenset()
        if not isinstance(node, dict):
            return form
        kinds = node.get("type")
        if kinds is not None:
            named = {kinds} if isinstance(kinds, str) else set(kinds)
            form.nullable = "null" in named
            form.types = frozenset(named - {"null"}) | ({"integer"} if "number" in named else frozenset())
        elif "properties" in node:
            form.types = frozenset({"object"})
        if "enum" in node or "const" in node:
            form.enum = list(node["enum"]) if "enum" in node else [node["const"]]
            form.nullable = None in form.enum if kinds is None else form.nullable and None in form.enum
            form.enum = [value for value in form.enum if value is not None]
        form.bounds = {name: node[name] for name in BOUNDS if name in node}
        form.properties = dict(node.get("properties") or {})
        form.required = frozenset(node.get("required") or ())
        form.additional = node.get("additionalProperties", True)
        form.items = node.get("items")
        form.title = str(node.get("title", ""))
        form.deprecated = node.get("deprecated") is True
        form.others = {
            name: value
            for name, value in node.items()
            if name in ("pattern", "format", "default", "readOnly", "writeOnly")
            or (name not in _KNOWN and not name.startswith("x-"))
        }
        if depth < _DEPTH:
            self._combine(form, node, depth)
        return form

    def _combine(self, form: Form, node: dict[str, Any], depth: int) -> None:
        parts = [self._form(part, depth + 1) for part in node.get("allOf") or ()]
        if isinstance(node.get("$ref"), str):
            parts.append(self._form(self.at(unquote(node["$ref"][1:])), depth + 1))
        for part in parts:
            self._merge(form, part)
        for union in ("anyOf", "oneOf"):
            if union not in node:
                continue
            branches = [branch for branch in node[union] if branch != _NULL]
            if len(branches) == 1:
                self._merge(form, self._form(branches[0], depth + 1))
            elif form.variants:
                form.others[union] = branches
            else:
                form.variants = branches
            form.nullable = form.nullable or len(branches) < len(node[union])

    def _merge(self, form: Form, part: Form) -> None:
        bare = form.types is None and form.enum is None and not form.variants
        form.nullable = part.nullable if bare else form.nullable and part.nullable
        if part.types is not None:
            form.types = part.types if form.types is None else form.types & part.types
        if part.enum is not None:
            form.enum = part.enum if form.enum is None else [v for v in form.enum if v in part.enum]
        for name, bound in part.bounds.items():
            tighter = max if name.startswith(("min", "exclusiveMin")) else min
            form.bounds[name] = tighter(form.bounds.get(name, bound), bound)
        for name, schema in part.properties.items():
            form.properties[name] = self._both(form.properties[name], schema) if name in form.properties else schema
        form.required |= part.required
        form.additional = part.additional if form.additional is True else form.additional
        form.items = part.items if form.items is None else form.items
        form.title = form.title or part.title
        form.others = {**part.others, **form.others}
        if not form.variants:
            form.variants = part.variants
        elif part.variants:
            form.others["anyOf"] = part.variants

    def _both(self, one: Any, other: Any) -> Any:
        if one == other:
            return one
        return self._merged.setdefault((id(one), id(other)), {"allOf": [one, other]})


def _is_held(node: Any) -> bool:
    """Whether a branch of a union was held to its discriminator's values when it was upgraded."""
    parts = node.get("allOf") if isinstance(node, dict) else None
    if not isinstance(parts, list) or len(parts) != 2 or "$ref" not in parts[0]:
        return False
    return set(parts[1]) == {"type", "required", "properties"} and len(parts[1]["properties"]) == 1
