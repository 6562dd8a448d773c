"""Whether the server can compile the schemas of a document, and which place in them is to blame where it cannot."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from ..errors import ConfigurationError
from .document import Document, pointer_to
from .lint_structure import Walk
from .positions import BrokenReference, Location, tokens
from .schemas import Schemas, Validator

# Findings that say why a schema cannot be compiled.
_CULPRITS = frozenset(
    {
        *("invalid-pattern", "unknown-type", "wrong-type", "unresolved-reference", "remote-reference"),
        *("circular-reference", "schema-not-compilable"),
    }
)


class Bundle:
    """The schemas of all files of a document, compiled as the server compiles them."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        content: dict[str, Any] = {
            "openapi": walk.sources.at(Location(walk.sources.entry, ""))["openapi"],
            "paths": {},
            "components": {
                f"file:{name}": self._rewrite(name, file.content) for name, file in walk.sources.files.items()
            },
        }
        self._schemas = Schemas(Document(content))

    def validator(self, location: Location) -> Validator:
        """The validator of the schema at a location. Raises `ConfigurationError` where there is none."""
        return self._schemas.validator(_in_bundle(location))

    def _rewrite(self, file: str, node: Any) -> Any:
        """The same content with references that lead from the top of the bundle."""
        if isinstance(node, list):
            return [self._rewrite(file, item) for item in node]
        if not isinstance(node, dict):
            return node
        made = {str(name): self._rewrite(file, value) for name, value in node.items()}
        if isinstance(node.get("$ref"), str):
            try:
                target = self._walk.sources.target(file, node["$ref"])
            except BrokenReference:
                return made
            made["$ref"] = "#" + quote(_in_bundle(target), safe="/~")
        return made


def _in_bundle(location: Location) -> str:
    return pointer_to("components", f"file:{location.file}") + location.pointer


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
