"""Checks whether the server can compile the schemas of a document, and locates the cause if it cannot."""

from __future__ import annotations

import re
from typing import Any

from ...contract.bundling import Target, bundle, file_pointer
from ...contract.document import Document
from ...contract.faults import Validator
from ...contract.pointers import pointer_in, pointer_to, reference_to, tokens
from ...contract.schemas import Schemas
from ...errors import ConfigurationError
from .objects import Objects
from .positions import BrokenReference, Location

# The rules whose findings explain why a schema cannot be compiled.
_CULPRITS = frozenset(
    {
        *("invalid-pattern", "unknown-type", "wrong-type", "unresolved-reference", "remote-reference"),
        *("circular-reference", "schema-not-compilable"),
    }
)

# No file has this name: the path in a reference does not end with a slash.
_UNSERVED = "/"


class Bundle:
    """The files of a document, bundled as the server does, but without broken references: other findings report those,
    and the rest can be checked without them."""

    def __init__(self, objects: Objects) -> None:
        self._sources = sources = objects.sources
        content = sources.file(sources.entry).content
        # Only the served parts of the document itself are compiled.
        unserved = {"webhooks": content["webhooks"]} if "webhooks" in content else None

        def read(file: str) -> Any:
            return unserved if file == _UNSERVED else sources.file(file).content

        others = [*sources.files, *([_UNSERVED] if unserved else [])]
        self.document = Document(bundle(sources.entry, read, self._target, others), source=sources.entry)
        self._schemas = Schemas(self.document)

    def validator(self, location: Location) -> Validator:
        """Return the validator of the schema at a location. Raises `ConfigurationError` if there is none."""
        return self._schemas.validator(file_pointer(self._file(location), self._sources.entry) + location.pointer)

    def _file(self, location: Location) -> str:
        """Return the file of a location in the bundle."""
        unserved = location.file == self._sources.entry and location.pointer.startswith("/webhooks")
        return _UNSERVED if unserved else location.file

    def _target(self, file: str, reference: str) -> Target | None:
        try:
            location = self._sources.target(self._sources.entry if file == _UNSERVED else file, reference)
        except BrokenReference:
            return None
        return self._file(location), reference_to(location.pointer).removeprefix("#")


def check_compilation(objects: Objects, bundle: Bundle) -> None:
    """Add findings for the schemas that cannot be compiled."""
    failing: list[tuple[Location, Any, str]] = []
    for location, node in objects.nodes["Schema"].items():
        if not _is_part(objects, location) and not _is_reference(objects, node):
            try:
                bundle.validator(location)
            except ConfigurationError as error:
                failing.append((location, node, str(error)))
    for location, node, _ in failing:
        for place in _against_the_standard(location, node):
            if place not in objects.findings.places():
                _add(objects, location, place, "JSON Schema 2020-12 does not allow this value")
    culprits = objects.findings.places(_CULPRITS)
    for location, node, reason in failing:
        # Otherwise the cause is in a schema that it refers to, and has been reported.
        if not _reaches(objects, location, node, culprits):
            _add(objects, location, location, "the schema cannot be compiled: " + _words(reason))


def _add(objects: Objects, schema: Location, place: Location, message: str) -> None:
    severity = "error" if schema in objects.served else "warning"
    objects.findings.add(
        place, severity, "schema-not-compilable", message, "write what JSON Schema 2020-12 allows here"
    )


def _is_part(objects: Objects, location: Location) -> bool:
    """Whether a schema is compiled as part of an enclosing schema."""
    parts = tokens(location.pointer)
    around = [Location(location.file, pointer_to(*parts[:-up])) for up in (1, 2) if len(parts) >= up]
    return any(place in objects.nodes["Schema"] for place in around)


def _is_reference(objects: Objects, node: object) -> bool:
    """Whether a schema is only a reference to a component that is compiled itself."""
    reference = node["$ref"] if isinstance(node, dict) and node.keys() == {"$ref"} else None
    if not isinstance(reference, str) or not reference.startswith("#/components/schemas/"):
        return False
    return Location(objects.sources.entry, pointer_in(reference)) in objects.nodes["Schema"]


def _against_the_standard(location: Location, node: object) -> list[Location]:
    import jsonschema

    meta = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
    return [
        location.child(*error.absolute_path)
        for error in meta.iter_errors(node)
        # Bounds of 3.0 are converted before they are compiled.
        if not (error.absolute_path and str(error.absolute_path[-1]).startswith("exclusive"))
    ]


def _reaches(objects: Objects, location: Location, node: object, places: set[Location]) -> bool:
    """Whether one of the places is in a schema or in something that it refers to."""
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
            if isinstance(found.get("$ref"), str) and (target := objects.follow(at, found)):
                left.append(target)
        elif isinstance(found, list):
            left += [(at.child(index), item) for index, item in enumerate(found)]
    return False


def _words(text: str) -> str:
    """Return the library's message without the place that it names, which is a place in the bundle."""
    text = re.sub(r".*? cannot be used: ", "", text.splitlines()[0], count=1)
    return text if len(text) <= 200 else text[:200] + "…"
