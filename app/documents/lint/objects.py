"""Visits a document object by object, across files, and finds violations of OpenAPI's structure: misspelt and missing
fields, values of a wrong type, broken references.

Objects that requests and responses are validated against are visited first, so that later checks know what is served.
"""

from __future__ import annotations

import difflib
from collections import deque
from typing import Any

from ...contract.bundling import is_schema_name
from ...contract.pointers import component_named, pointer_to, reference_to, tokens
from ...contract.structure import since_3_2
from .fields import FIELDS, MAPS, ONLY_3_1, ONLY_3_2, REFERABLE, REQUIRED, REQUIRED_TO_SERVE, with_article
from .findings import Findings
from .positions import BrokenReference, Location, Sources
from .references import check_references, steps

Visit = tuple[Location, str, Any, bool]

# Nothing below these fields is routed, compiled or secured.
_NOT_SERVED = frozenset(
    {
        *(("OpenAPI", name) for name in ("info", "webhooks", "components", "tags", "externalDocs")),
        *(("Operation", name) for name in ("callbacks", "externalDocs")),
        *(("Response", name) for name in ("headers", "links")),
        *(("MediaType", name) for name in ("examples", "encoding", "prefixEncoding", "itemEncoding")),
        *(("Parameter", name) for name in ("examples", "content")),
        *(("Schema", name) for name in ("xml", "externalDocs")),
    }
)
# Human-readable text, which the server passes on unchanged.
_PROSE = frozenset({"summary", "description", "deprecated", "termsOfService", "example"})
_ARTICLES = {
    "string": "a string",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
    "list": "a list",
    "map": "an object",
}


class Objects:
    """The objects of a document by kind and place.

    ``nodes`` contains all objects, ``served`` the locations of those that the server uses for routing, validation and
    security, ``unused`` the components that nothing refers to.
    """

    def __init__(self, sources: Sources, findings: Findings, version: str) -> None:
        self.sources = sources
        self.findings = findings
        self.is_3_0 = version.startswith("3.0")
        self.is_3_2 = since_3_2(version)
        self.version = version[:3]
        self.nodes: dict[str, dict[Location, Any]] = {kind: {} for kind in (*FIELDS, *MAPS)}
        self.served: set[Location] = set()
        self.unused: list[Location] = []
        self._queue: deque[Visit] = deque()
        self._later: deque[Visit] = deque()
        self._cycles: set[frozenset[Location]] = set()
        self._run()

    def follow(self, location: Location, node: object) -> tuple[Location, Any] | None:
        """Follow the references of a node. Return the final location and node; None if they cannot be resolved."""
        try:
            *_, (end, found) = steps(self.sources, location, node)
        except BrokenReference:
            return None
        return None if isinstance(found, dict) and isinstance(found.get("$ref"), str) else (end, found)

    def _run(self) -> None:
        root = Location(self.sources.entry, "")
        content = self.sources.at(root)
        components = content.get("components")
        without = {name: value for name, value in content.items() if name != "components"}
        self._queue.append((root, "OpenAPI", without, True))
        self._drain()
        if components is not None:
            used = {location for places in self.nodes.values() for location in places}
            self._queue.append((root.child("components"), "Components", components, True))
            self._drain()
            self._find_unused(components, used)
        for name in [name for name in self.sources.files if name != self.sources.entry]:
            check_references(self.sources, self.findings, name)

    def _drain(self) -> None:
        while self._queue or self._later:
            self._visit(*(self._queue or self._later).popleft())

    def _enqueue(self, location: Location, kind: str, node: object, served: bool) -> None:
        (self._queue if served else self._later).append((location, kind, node, served))

    def _visit(self, location: Location, kind: str, node: object, served: bool) -> None:
        if location in self.nodes[kind]:
            return
        self.nodes[kind][location] = node
        if served:
            self.served.add(location)
        if kind == "Schema" and isinstance(node, bool):
            if self.is_3_0 and not location.pointer.endswith("/additionalProperties"):
                self._wrong_type(location, "an object: true and false are schemas since 3.1", False)
            return
        if not isinstance(node, dict):
            self._wrong_type(location, "an object", served)
            return
        if kind in REFERABLE and "$ref" in node and (kind != "MediaType" or self.is_3_2):
            self._reference(location, kind, node, served)
            if kind != "Schema" or self.is_3_0:
                return
        if kind in MAPS:
            self._map(location, kind, node, served)
        else:
            self._object(location, kind, node, served)

    def _map(self, location: Location, kind: str, node: dict[Any, Any], served: bool) -> None:
        for name, value in node.items():
            if kind == "Requirement" or not str(name).startswith("x-"):
                reached = served and not (kind == "Paths" and "?" in str(name))
                self._field(location.child(name), value, MAPS[kind], reached, reached)

    def _object(self, location: Location, kind: str, node: dict[Any, Any], served: bool) -> None:
        fields = FIELDS[kind]
        for name, value in node.items():
            if name in fields:
                if not self.is_3_2 and name in ONLY_3_2.get(kind, ()):
                    self.findings.warning(
                        location.child(name),
                        "unknown-field",
                        f"{name} is not a field of OpenAPI {self.version}; it is ignored",
                        "write openapi: 3.2.0 at the top, or leave it out",
                    )
                    continue
                if self.is_3_0 and name in ONLY_3_1.get(kind, ()):
                    self.findings.warning(
                        location.child(name),
                        "unknown-field",
                        f"{name} is not a field of OpenAPI 3.0; other tools ignore it",
                        "write openapi: 3.1.0 at the top, or leave it out",
                    )
                reached = served and kind != "Components" and (kind, name) not in _NOT_SERVED
                # Outside of schemas, null is equivalent to an absent field.
                lenient = kind != "Schema" and (name in _PROSE or value is None)
                strict = (reached or (served and kind == "Components")) and not lenient
                self._field(location.child(name), value, fields[name], reached, strict)
            elif not str(name).startswith("x-") and not (name == "$ref" and kind in REFERABLE):
                self._unknown(location.child(name), kind, str(name))
        for name in REQUIRED.get(kind, ()):
            if name not in node:
                self.findings.add(
                    location,
                    "error" if served and (kind, name) in REQUIRED_TO_SERVE else "warning",
                    "missing-field",
                    f"{name} is missing",
                    f"add {name}",
                )
        if kind == "Discriminator":
            self._mapping(location, node.get("mapping"))
            if self.is_3_2 and "defaultMapping" in node:
                self._meant(location.child("defaultMapping"), node["defaultMapping"])
        if kind == "Parameter" and "schema" not in node and "content" not in node:
            self.findings.warning(
                location, "missing-field", "there is no schema, so any value is accepted", "add schema"
            )
        if kind == "Response" and "description" not in node and not self.is_3_2:
            self.findings.warning(location, "response-without-description", "description is missing", "add description")

    def _field(self, location: Location, value: object, spec: str, served: bool, strict: bool) -> None:
        """Check a field. ``strict``: a value of a wrong type would prevent the server from reading the document."""
        if "|" not in spec and (spec in FIELDS or spec in MAPS):
            self._enqueue(location, spec, value, served)
        elif spec.startswith(("list:", "map:")):
            kind, _, inner = spec.partition(":")
            if not isinstance(value, list if kind == "list" else dict):
                self._wrong_type(location, _ARTICLES[kind], strict)
                return
            for name, item in enumerate(value) if isinstance(value, list) else value.items():
                self._field(location.child(name), item, inner, served, strict)
        elif not any(_fits(value, one) for one in spec.split("|")):
            wanted = " or ".join(_ARTICLES[one.partition(":")[0]] for one in spec.split("|"))
            self._wrong_type(location, wanted, strict)

    def _wrong_type(self, location: Location, wanted: str, fatal: bool) -> None:
        self.findings.add(
            location,
            "error" if fatal else "warning",
            "wrong-type",
            "the value is of a wrong type",
            f"make it {wanted}",
        )

    def _mapping(self, location: Location, mapping: object) -> None:
        """Check the values of a discriminator's mapping, which are references or names of schemas."""
        for value, reference in mapping.items() if isinstance(mapping, dict) else ():
            self._meant(location.child("mapping", value), reference)

    def _meant(self, location: Location, reference: object) -> None:
        """Check a reference to a schema, or the name of a schema."""
        if not isinstance(reference, str):
            return
        file = location.file
        if is_schema_name(reference):
            file, reference = self.sources.entry, reference_to(pointer_to("components", "schemas", reference))
        try:
            target = self.sources.target(file, reference)
        except BrokenReference as error:
            self.findings.warning(location, error.rule, str(error), error.advice)
        else:
            self._enqueue(target, "Schema", self.sources.at(target), False)

    def _unknown(self, location: Location, kind: str, name: str) -> None:
        lowered = {field.lower(): field for field in FIELDS[kind]}
        close = difflib.get_close_matches(name.lower(), lowered, 1, 0.75)
        # A keyword that is unknown to JSON Schema has no effect.
        self.findings.warning(
            location,
            "unknown-field",
            f"{name} is not a field of {with_article(kind)}; it is ignored",
            f"did you mean {lowered[close[0]]}?" if close else "leave it out, or let its name begin with x-",
        )

    def _reference(self, location: Location, kind: str, node: dict[Any, Any], served: bool) -> None:
        at = location.child("$ref")
        if not isinstance(node["$ref"], str):
            self._wrong_type(at, "a string", served)
            return
        self._ignored_siblings(location, kind, node)
        try:
            target = self.sources.target(location.file, node["$ref"])
        except BrokenReference as error:
            self.findings.error(at, error.rule, str(error), error.advice)
            return
        if circle := self._circle(location, node):
            if circle not in self._cycles:
                self._cycles.add(circle)
                self.findings.error(
                    at,
                    "circular-reference",
                    "the references form a cycle and describe nothing",
                    "replace one of them by what it should describe",
                )
            return
        self._enqueue(target, kind, self.sources.at(target), served)

    def _circle(self, location: Location, node: object) -> frozenset[Location]:
        """Return the locations of a reference cycle through this location; empty if there is none."""
        try:
            way = [at for at, _ in steps(self.sources, location, node)]
        except BrokenReference:
            return frozenset()
        return frozenset(way) if len(way) > 1 and way[-1] == location else frozenset()

    def _ignored_siblings(self, location: Location, kind: str, node: dict[Any, Any]) -> None:
        if kind == "Schema" and not self.is_3_0:
            return
        allowed = {"$ref"} if self.is_3_0 else {"$ref", "summary", "description"}
        ignored = [str(name) for name in node if name not in allowed and not str(name).startswith("x-")]
        if ignored:
            self.findings.warning(
                location.child(ignored[0]),
                "ignored-sibling",
                f"{', '.join(ignored)} beside $ref: ignored in OpenAPI {self.version}",
                "put the reference into allOf and the rest beside it" if kind == "Schema" else "leave it out",
            )

    def _find_unused(self, components: object, used: set[Location]) -> None:
        schemes = components.get("securitySchemes") if isinstance(components, dict) else None
        named = {
            component_named(name, "securitySchemes", schemes or ())
            for requirement in self.nodes["Requirement"].values()
            if isinstance(requirement, dict)
            for name in requirement
        }
        # A component that is used in part is used: a reference may lead into it.
        inside = {pointer_to(*tokens(location.pointer)[:3]) for location in used if location.file == self.sources.entry}
        for group, members in components.items() if isinstance(components, dict) else ():
            for name in members if isinstance(members, dict) and group in FIELDS["Components"] else ():
                location = Location(self.sources.entry, "").child("components", group, name)
                is_scheme = group == "securitySchemes"
                if not (name in named if is_scheme else location.pointer in inside):
                    self.unused.append(location)
                    message = "nothing refers to this component"
                    self.findings.add(location, "info", "unused-component", message, "leave it out")


def _fits(value: object, spec: str) -> bool:
    if spec == "any":
        return True
    if spec.startswith("list:"):
        return isinstance(value, list) and all(_fits(item, spec[5:]) for item in value)
    if spec == "boolean":
        return isinstance(value, bool)
    if spec == "string":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return spec == "number" or value % 1 == 0
