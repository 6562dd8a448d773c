"""Whether the server can compile the schemas of a document, and which place in them is to blame where it cannot."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from ...contract.document import Document, pointer_to
from ...contract.schemas import Schemas, Validator
from ...contract.structure import FILES, Json, transform
from ...errors import ConfigurationError
from .positions import BrokenReference, Location, tokens
from .structure import Walk

# Findings that say why a schema cannot be compiled.
_CULPRITS = frozenset(
    {
        *("invalid-pattern", "unknown-type", "wrong-type", "unresolved-reference", "remote-reference"),
        *("circular-reference", "schema-not-compilable"),
    }
)

# No file has this name: references have none to the end of a path.
_UNSERVED = "/"


class Bundle:
    """The files of a document put together as the server does it, but for the references that lead nowhere: of those
    other findings tell, and the rest can be looked at without them."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        sources = walk.sources
        whole = self._turned(sources.entry)
        others = {name: self._turned(name) for name in sorted(sources.files) if name != sources.entry}
        if "webhooks" in whole:
            # Of the document itself only what is served is compiled.
            others[_UNSERVED] = {"webhooks": whole["webhooks"]}
        self.document = Document({**whole, FILES: others} if others else whole, source=sources.entry)
        self._schemas = Schemas(self.document)

    def validator(self, location: Location) -> Validator:
        """The validator of the schema at a location. Raises `ConfigurationError` where there is none."""
        return self._schemas.validator(self._inward(location))

    def _inward(self, location: Location) -> str:
        name = location.file
        if name == self._walk.sources.entry:
            if not location.pointer.startswith("/webhooks"):
                return location.pointer
            name = _UNSERVED
        return pointer_to(FILES, name) + location.pointer

    def _turned(self, file: str) -> Any:
        def reference(text: Any) -> str | None:
            try:
                return "#" + quote(self._inward(self._walk.sources.target(file, text)), safe="/~:@!$&'()*+,;=?")
            except BrokenReference:
                return None

        def visit(node: Json) -> Json:
            if isinstance(node.get("$ref"), str):
                found = reference(node["$ref"])
                if found is None:
                    del node["$ref"]
                else:
                    node["$ref"] = found
            discriminator = node.get("discriminator")
            if isinstance(discriminator, dict) and isinstance(discriminator.get("mapping"), dict):
                mapping = {
                    value: (reference(target) if isinstance(target, str) and "/" in target else None) or target
                    for value, target in discriminator["mapping"].items()
                }
                node["discriminator"] = {**discriminator, "mapping": mapping}
            return node

        return transform(self._walk.sources.file(file).content, visit)


def check_compilation(walk: Walk, bundle: Bundle) -> None:
    """Add the schemas that cannot be compiled."""
    failing: list[tuple[Location, Any, str]] = []
    for location, node in walk.nodes["Schema"].items():
        if not _is_part(walk, location):
            try:
                bundle.validator(location)
            except ConfigurationError as error:
                failing.append((location, node, str(error)))
    for location, node, _ in failing:
        for place in _against_the_standard(location, node):
            if place not in walk.findings.places():
                _add(walk, location, place, "JSON Schema 2020-12 does not allow this value")
    culprits = walk.findings.places(_CULPRITS)
    for location, node, reason in failing:
        # Otherwise what it refers to is to blame, and has been told.
        if not _reaches(walk, location, node, culprits):
            _add(walk, location, location, "the schema cannot be compiled: " + _words(reason))


def _add(walk: Walk, schema: Location, place: Location, message: str) -> None:
    severity = "error" if schema in walk.served else "warning"
    walk.findings.add(place, severity, "schema-not-compilable", message, "write what JSON Schema 2020-12 allows here")


def _is_part(walk: Walk, location: Location) -> bool:
    """Whether a schema is compiled with the one around it."""
    parts = tokens(location.pointer)
    around = [Location(location.file, pointer_to(*parts[:-up])) for up in (1, 2) if len(parts) >= up]
    return any(place in walk.nodes["Schema"] for place in around)


def _against_the_standard(location: Location, node: Any) -> list[Location]:
    import jsonschema

    meta = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
    return [
        location.child(*error.absolute_path)
        for error in meta.iter_errors(node)
        # Bounds of 3.0 are upgraded before they are compiled.
        if not (error.absolute_path and str(error.absolute_path[-1]).startswith("exclusive"))
    ]


def _reaches(walk: Walk, location: Location, node: Any, places: set[Location]) -> bool:
    """Whether one of the places lies in a schema or in what it refers to."""
    seen: set[Location] = set()
    left = [(location, node)]
    while left:
        at, found = left.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in places:
            return True
        if isinstance(found, dict):
            left += [(at.child(name), value) for name, value in found.items()]
            if isinstance(found.get("$ref"), str) and (target := walk.follow(at, found)):
                left.append(target)
        elif isinstance(found, list):
            left += [(at.child(index), item) for index, item in enumerate(found)]
    return False


def _words(text: str) -> str:
    """The library's words, without the place that it names, which is one in the bundle."""
    text = re.sub(r".*? cannot be used: ", "", text.splitlines()[0], count=1)
    return text if len(text) <= 200 else text[:200] + "…"
