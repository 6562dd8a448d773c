"""Compares two documents operation by operation, and marks each change by whether it breaks clients."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...contract.document import Document
from ...contract.operations import Operation, operations
from ...contract.parameters import Parameter
from .normalized import NormalizedSchemas
from .schemas import Change, Repeat, SchemaComparison

# The operation name for changes that affect all operations, such as the base path.
WHOLE = "the document"


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes, operation by operation. The records also contain repeats, which name schemas whose changes are
    listed at another operation."""

    records: list[Change | Repeat]

    @property
    def changes(self) -> list[Change]:
        return [record for record in self.records if isinstance(record, Change)]

    @property
    def repeats(self) -> list[Repeat]:
        return [record for record in self.records if isinstance(record, Repeat)]

    def count(self, breaking: bool | None) -> int:
        """Return how many changes break clients (True), do not break them (False), or may break them (None)."""
        return sum(change.breaking is breaking for change in self.changes)


def compare_documents(before: Document, after: Document) -> Difference:
    """Return the changes from one document to another.

    Raises:
        ConfigurationError: the operations of one of them cannot be read.
    """
    return Difference(_Comparison(before, after).run())


class _Comparison:
    def __init__(self, before: Document, after: Document) -> None:
        self._documents = before, after
        self._schemas = SchemaComparison(NormalizedSchemas(before), NormalizedSchemas(after))
        self._operation = WHOLE

    def run(self) -> list[Change | Repeat]:
        before, after = self._documents
        if before.base_path != after.base_path:
            message = f"base path: {before.base_path or '/'} -> {after.base_path or '/'}"
            self._note("servers", "base-path", True, message)
        old = {_key(operation): operation for operation in operations(before)}
        new = {_key(operation): operation for operation in operations(after)}
        for key, operation in old.items():
            self._operation = _name(operation)
            if key in new:
                self._compare(operation, new[key])
            else:
                self._note("operation", "operation-removed", True, "operation removed")
        for key, operation in new.items():
            if key not in old:
                self._operation = _name(operation)
                self._note("operation", "operation-added", False, "operation added")
        return self._schemas.records

    def _note(self, place: str, kind: str, breaking: bool | None, message: str) -> None:
        self._schemas.records.append(Change(self._operation, place, "", kind, breaking, message))

    def _compare(self, old: Operation, new: Operation) -> None:
        if old.id != new.id:
            # It does not appear in requests or responses, but names a function in generated clients.
            self._note("operation", "operation-id", None, f"operationId: {old.id} -> {new.id}")
        self._security(old, new)
        self._parameters(old, new)
        self._body(old, new)
        self._responses(old, new)

    def _security(self, old: Operation, new: Operation) -> None:
        before, after = (
            _ways(document, operation) for document, operation in zip(self._documents, (old, new), strict=True)
        )
        if "" in before and "" not in after:
            self._note("security", "security", True, "a key is needed now")
        elif "" in after and "" not in before:
            self._note("security", "security", False, "no key is needed any more")
        elif "" not in before:
            for way in sorted(before - after):
                self._note("security", "security", True, f"way in removed: {way}")
            for way in sorted(after - before):
                self._note("security", "security", False, f"way in added: {way}")

    def _parameters(self, old: Operation, new: Operation) -> None:
        before, after = _parameters(old), _parameters(new)
        for key, parameter in before.items():
            place = f"{parameter.location} parameter {parameter.name}"
            if key not in after:
                self._note(place, "parameter-removed", None, "parameter removed")
                continue
            other = after[key]
            if parameter.required != other.required:
                message = "required now" if other.required else "required no more"
                self._note(place, "required", other.required, message)
            if parameter.schema and other.schema:
                self._compare_schemas(place, True, parameter.schema, other.schema)
        for key, parameter in after.items():
            if key not in before:
                place = f"{parameter.location} parameter {parameter.name}"
                message = f"{'required' if parameter.required else 'optional'} parameter added"
                self._note(place, "parameter-added", parameter.required, message)

    def _body(self, old: Operation, new: Operation) -> None:
        place = "request body"
        if old.request and not new.request:
            self._note(place, "body-removed", None, "request body removed")
            return
        if new.request and not old.request:
            message = f"{'required' if new.request_required else 'optional'} request body added"
            self._note(place, "body-added", new.request_required, message)
            return
        if old.request_required != new.request_required:
            message = "required now" if new.request_required else "required no more"
            self._note(place, "required", new.request_required, message)
        self._media(place, True, old.request_schemas, new.request_schemas)

    def _responses(self, old: Operation, new: Operation) -> None:
        for status, media in old.responses.items():
            if status in new.responses:
                self._media(f"response {status}", False, media, new.responses[status])
            else:
                # Clients rely on the success responses, and handle errors of any status.
                breaking = status.startswith("2")
                self._note(f"response {status}", "response-removed", breaking, "response removed")
        for status in new.responses:
            if status not in old.responses:
                self._note(f"response {status}", "response-added", False, "response added")

    def _media(self, place: str, request: bool, old: Mapping[str, str | None], new: Mapping[str, str | None]) -> None:
        for media_type, pointer in old.items():
            where = place if list(old) == list(new) == ["application/json"] else f"{place} {media_type}"
            if media_type not in new:
                self._note(where, "media-type-removed", True, "media type removed")
            elif pointer and (other := new[media_type]):
                self._compare_schemas(where, request, pointer, other)
        for media_type in new:
            if media_type not in old:
                self._note(f"{place} {media_type}", "media-type-added", False, "media type added")

    def _compare_schemas(self, place: str, request: bool, old: str, new: str) -> None:
        schemas = self._schemas
        schemas.compare(self._operation, place, request, schemas.before.at(old), schemas.after.at(new))


def _key(operation: Operation) -> tuple[str, str]:
    # Only the positions of template parameters matter to clients, not their names.
    return operation.method, re.sub(r"\{[^}]*\}", "{}", operation.path)


def _name(operation: Operation) -> str:
    return f"{operation.method.upper()} {operation.path}"


def _parameters(operation: Operation) -> dict[tuple[str, str], Parameter]:
    """Return the parameters by location and name; path parameters by location and position."""
    names = re.findall(r"\{([^}]*)\}", operation.path)
    found = {}
    for parameter in operation.parameters:
        name = parameter.name
        if parameter.location == "header":
            name = name.lower()
        elif parameter.location == "path" and name in names:
            name = str(names.index(name))
        found[parameter.location, name] = parameter
    return found


def _ways(document: Document, operation: Operation) -> set[str]:
    """Return the alternative security requirements of an operation, each with the schemes needed together as text. An
    empty text means that no key is needed."""
    schemes = (document.content.get("components") or {}).get("securitySchemes") or {}

    def words(name: str) -> str:
        scheme: Any = document.resolve(schemes.get(name, {}))[0]
        parts = (scheme.get("type", name), scheme.get("scheme"), scheme.get("in"), scheme.get("name"))
        return " ".join(str(part) for part in parts if part)

    alternatives = operation.security or [{}]
    return {" and ".join(sorted({words(name) for name in requirement})) for requirement in alternatives}
