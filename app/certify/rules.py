"""The contract of an operation: which properties it has, and which rules an answer breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..contract.document import Document
from ..contract.explain import find_fault, path_text
from ..contract.faults import Fault, Validator
from ..contract.operations import operations
from ..contract.piecewise import TooManySteps
from ..contract.pointers import reference_to
from ..contract.properties import property_paths
from ..contract.schemas import Schemas
from ..errors import ConfigurationError
from ..jsontypes import Json
from .exchange import Seen
from .operations import CHAT, Operation


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule of the contract that an answer breaks. ``path`` is the property, empty for the answer as a whole."""

    side: str
    path: str
    rule: str


class Rules:
    """What a document defines for one of the models' operations.

    ``request`` are the paths of a request's properties, ``answers`` those of an answer's properties by side: the kinds
    of answers of its `Operation`, whole or streamed, and a refusal (``error``). ``pointer`` is the schema of a request.

    Raises:
        ConfigurationError: the document has no such operation, or cannot be read.
    """

    def __init__(self, document: Document, operation: Operation = CHAT) -> None:
        found = next((o for o in operations(document) if (o.method, o.path) == ("post", operation.path)), None)
        if found is None:
            raise ConfigurationError(f"{document.source} has no POST {operation.path}.")
        self.document = document
        self.operation = operation
        self.pointer = str(found.request_schemas["application/json"])
        pointers = {side: str(found.response_schema(200, media)) for side, media in operation.media.items()}
        if "chunk" in pointers:
            pointers["chunk"] = _chunk(document, pointers["chunk"])
        pointers["error"] = str(found.response_schema(400, "application/json"))
        schemas = Schemas(document)
        self._request = schemas.validator(self.pointer, "request")
        self._validators = {side: schemas.validator(pointer, "response") for side, pointer in pointers.items()}
        self.request = property_paths(document, {"$ref": reference_to(self.pointer)})
        self.answers = {
            side: property_paths(document, {"$ref": reference_to(pointer)}) for side, pointer in pointers.items()
        }

    def fits(self, request: Json) -> bool:
        """Whether a request is valid under the contract."""
        return self._request.is_valid(request)

    def parts(self, seen: Seen) -> Iterator[tuple[str, object]]:
        """The JSON values of an answer, each with its side; nothing if it is not an answer of this operation."""
        if seen.status >= 400:
            if seen.content is not None:
                yield "error", seen.content
        elif seen.status == 200 and seen.ask.operation is self.operation:
            whole, *pieces = self.operation.media
            for event in seen.events:
                yield ("error" if isinstance(event, dict) and event.get("error") else (*pieces, whole)[0]), event
            if not seen.is_stream and seen.content is not None:
                yield whole, seen.content

    def broken(self, seen: Seen) -> dict[Broken, None]:
        """The rules that an answer breaks, each once."""
        return {
            Broken(side, _property(fault), _rule(fault)): None
            for side, value in self.parts(seen)
            for fault in _faults(self._validators[side], value)
        }


def _chunk(document: Document, pointer: str) -> str:
    """The schema of a chunk among the schemas of a stream's events."""
    schema, followed = document.resolve({"$ref": reference_to(pointer)})
    at = followed or pointer
    for union in ("anyOf", "oneOf"):
        for index, branch in enumerate(schema.get(union) or ()):
            inner, _ = document.resolve(branch)
            if "choices" in (inner.get("properties") or {}):
                return f"{at}/{union}/{index}"
    return at


def _faults(validator: Validator, value: object) -> Iterator[Fault]:
    if validator.is_valid(value):
        return
    try:
        for fault in validator.faults(value):
            yield from _leaves(fault)
    except TooManySteps:
        yield find_fault(validator, value)[0]


def _leaves(fault: Fault) -> Iterator[Fault]:
    """The faults in the branch of a union that the value was meant for: the branch whose tag matches the value; of
    several, the one whose faults are deepest and fewest."""
    branches = [branch for branch in fault.branches if branch]
    if not branches:
        yield fault
        return
    kinds = [kind for branch in branches if (kind := next(filter(_is_of_kind, branch), None)) is not None]
    if len(kinds) == len(branches) and len({kind.path for kind in kinds}) == 1:
        # The value's tag matches none of the branches.
        yield replace(kinds[0], keyword="enum", value=[value for kind in kinds for value in _allowed(kind)])
        return
    meant = min(
        branches,
        key=lambda branch: (any(map(_is_of_kind, branch)), -max(len(each.path) for each in branch), len(branch)),
    )
    for inner in meant:
        yield from _leaves(inner)


def _is_of_kind(fault: Fault) -> bool:
    """Whether a fault means that the value belongs to another branch: its tag differs from the only allowed value."""
    return fault.keyword == "const" or (fault.keyword == "enum" and len(fault.value or ()) == 1)


def _allowed(fault: Fault) -> list[Any]:
    return [fault.value] if fault.keyword == "const" else list(fault.value)


def _property(fault: Fault) -> str:
    path = (*fault.path, str(fault.value)) if fault.keyword == "required" else fault.path
    return re.sub(r"\[\d+\]", "[]", path_text(path) or "")


def _rule(fault: Fault) -> str:
    if fault.keyword == "required":
        return "it is missing"
    if fault.keyword == "type":
        wanted = fault.value if isinstance(fault.value, str) else " or ".join(map(str, fault.value or ()))
        return f"its type is not {wanted}"
    if fault.keyword in ("enum", "const"):
        return f"it is none of the values allowed: {fault.value}"
    return f"it breaks the rule {fault.keyword}"
