"""Converts a document to OpenAPI 3.0, for tools that do not support newer versions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ...contract.document import Document
from ...contract.pointers import last_token, look_up, pointer_in, pointer_to, reference_to, tokens
from ...contract.structure import FILES
from ...errors import DocumentError
from ...jsontypes import Json
from .losses import Loss
from .schemas import SchemaConverter
from .standard import FIELDS, SECTIONS

VERSION = "3.0.3"
# OpenAPI 3.0.3, section 4.7.7: the characters that the name of a component must not contain.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass
class Converted:
    """A converted document, and what was lost in the conversion, in the order of the original."""

    content: Json
    losses: list[Loss] = field(default_factory=list)


def to_3_0(document: Document) -> Converted:
    """Return a document in OpenAPI 3.0. A document that already has this version is returned unchanged.

    Raises:
        DocumentError: a reference is broken.
    """
    if document.version.startswith("3.0"):
        return Converted(document.content)
    return _Conversion(document).run()


class _Conversion:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._losses: list[Loss] = []
        self._schemas = SchemaConverter(
            lambda reference: self._refer("schema", reference),
            lambda reference: document.resolve({"$ref": reference})[0],
            self._losses.append,
        )
        # The new references of referenced parts that are not components in 3.0.
        self._moved: dict[tuple[str, str], str] = {}
        given = document.content.get("components") or {}
        self._names = {section: set(given.get(section) or {}) for section in SECTIONS.values()}
        self._added: dict[str, Json] = {}
        self._untold = {
            name
            for name, scheme in (given.get("securitySchemes") or {}).items()
            if document.resolve(scheme)[0].get("type") == "mutualTLS"
        }

    def run(self) -> Converted:
        content = {key: value for key, value in self._document.content.items() if key != FILES}
        for name in ("webhooks", "jsonSchemaDialect"):
            if content.pop(name, None):
                self._lose(pointer_to(name), f"the field {name}", looser=False)
        for name in sorted(self._untold):
            place = pointer_to("components", "securitySchemes", name)
            self._lose(place, "a client certificate, which OpenAPI 3.0 cannot ask for", looser=True)
        result = self._fields("document", {**content, "openapi": VERSION, "info": self._info(content.get("info"))}, "")
        result["paths"] = {
            path: self._path_item(item, pointer_to("paths", path)) for path, item in self._document.paths.items()
        }
        if "security" in content:
            result["security"] = self._security(content["security"], "/security")
        if components := self._components(content.get("components") or {}):
            result["components"] = components
        else:
            result.pop("components", None)
        return Converted(result, self._losses)

    def _components(self, given: Json) -> Json:
        kept = {key: value for key, value in given.items() if key != "pathItems"}
        schemes = kept.get("securitySchemes") or {}
        kept["securitySchemes"] = {name: each for name, each in schemes.items() if name not in self._untold}
        components: Json = self._fields("components", kept, "/components")
        for section, parts in self._added.items():
            components[section] = {**(components.get(section) or {}), **parts}
        return {section: parts for section, parts in components.items() if parts}

    def _object(self, kind: str, node: Any, at: str) -> Any:
        if kind == "schema":
            return self._schemas.convert(node, at)
        if kind == "path item":
            return self._path_item(node, at)
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            if len(node) > 1:
                self._lose(at, "the fields beside a reference", looser=False)
            return {"$ref": self._refer(kind, node["$ref"])}
        if kind == "callback":
            return {name: self._path_item(item, at + pointer_to(name)) for name, item in node.items()}
        result = self._fields(kind, node, at)
        if kind == "operation":
            result.setdefault("responses", {"default": {"description": "Any answer."}})
            if "security" in result:
                result["security"] = self._security(result["security"], at + "/security")
        return result

    def _fields(self, kind: str, node: Json, at: str) -> Json:
        """Return an object with the objects in its fields converted."""
        result = dict(node)
        for name, inner in FIELDS[kind].items():
            value, place = node.get(name), at + pointer_to(name)
            if kind == "document" or value is None:
                continue
            if inner.startswith("{") and isinstance(value, dict):
                result[name] = {
                    key: each
                    if key.startswith("x-") and kind != "components"
                    else self._object(inner[1:-1], each, place + pointer_to(key))
                    for key, each in value.items()
                }
            elif inner.startswith("[") and isinstance(value, list):
                result[name] = [self._object(inner[1:-1], each, place + pointer_to(i)) for i, each in enumerate(value)]
            elif not inner.startswith(("{", "[")):
                result[name] = self._object(inner, value, place)
        return result

    def _path_item(self, node: Any, at: str) -> Any:
        """Return a converted path item. References are inlined, because 3.0 has no components for path items."""
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            beside = {key: value for key, value in node.items() if key != "$ref"}
            target, pointer = self._document.resolve({"$ref": node["$ref"]})
            inlined = self._fields("path item", target, pointer or at)
            return {**inlined, **self._fields("path item", beside, at)}
        return self._fields("path item", node, at)

    def _refer(self, kind: str, reference: str) -> str:
        """Return the reference to use in the result. A target that is not a component in 3.0 becomes one."""
        pointer = pointer_in(reference) if reference.startswith("#") else ""
        try:
            target = look_up(self._document.content, pointer) if pointer else None
        except LookupError:
            target = None
        if target is None:
            raise DocumentError(f"{self._document.source}: the reference {reference} points to nothing.")
        section = SECTIONS[kind]
        path = tokens(pointer)
        if path[:2] == ["components", section] and len(path) == 3:
            return reference
        if (kind, pointer) not in self._moved:
            name = self._free_name(section, last_token(pointer))
            self._moved[kind, pointer] = reference_to(pointer_to("components", section, name))
            added = self._added.setdefault(section, {})
            added[name] = None  # reserves its place before components that are added during its conversion
            added[name] = self._object(kind, target, pointer)
        return self._moved[kind, pointer]

    def _free_name(self, section: str, wanted: str) -> str:
        wanted = _NOT_IN_NAMES.sub("_", wanted) or "_"
        name, number = wanted, 2
        while name in self._names[section]:
            name, number = f"{wanted}_{number}", number + 1
        self._names[section].add(name)
        return name

    def _info(self, info: Any) -> Any:
        if not isinstance(info, dict):
            return info
        result = {key: value for key, value in info.items() if key != "summary"}
        if "summary" in info:
            self._lose("/info/summary", "the summary of the document", looser=False)
        license_ = result.get("license")
        if isinstance(license_, dict) and "identifier" in license_:
            rest = {key: value for key, value in license_.items() if key != "identifier"}
            rest.setdefault("url", f"https://spdx.org/licenses/{license_['identifier']}.html")
            result["license"] = rest
        return result

    def _security(self, requirements: Any, at: str) -> Any:
        """Return the requirements without client certificates, and with scopes only for schemes that have them in
        3.0."""
        if not isinstance(requirements, list):
            return requirements
        schemes = (self._document.content.get("components") or {}).get("securitySchemes") or {}
        result = []
        for index, way in enumerate(requirements):
            kept = {}
            for name, scopes in way.items():
                kind = self._document.resolve(schemes.get(name))[0]
                has_scopes = isinstance(kind, dict) and kind.get("type") in ("oauth2", "openIdConnect")
                if scopes and not has_scopes:
                    self._lose(at + pointer_to(index, name), "the roles that a key needs", looser=True)
                if name not in self._untold:
                    kept[name] = scopes if has_scopes else []
            result.append(kept)
        return result

    def _lose(self, pointer: str, what: str, *, looser: bool) -> None:
        self._losses.append(Loss(pointer, what, looser))
