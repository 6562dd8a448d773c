"""Checks operations: their paths, ids, parameters, responses and security."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from ...contract.document import templates
from ...contract.methods import described_methods, fault_of_method
from ...contract.operations import derived_id, unused
from ...contract.pointers import component_named, look_up
from ...jsontypes import Json
from .objects import Objects
from .positions import Location

_STATUS = re.compile(r"[1-5](?:[0-9][0-9]|XX)|default")


@dataclass(frozen=True, slots=True)
class Described:
    """An operation as written. ``at`` is its location, ``item_at`` that of its path item; ``id`` its operationId, or
    the id that the server derives."""

    path: str
    method: str
    id: str
    at: Location
    node: Json
    item_at: Location
    item: Json

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def is_named(self) -> bool:
        return bool(self.node.get("operationId"))


def described(objects: Objects) -> Iterator[Described]:
    """Yield the operations that a router can reach. Add findings for those that cannot be served."""
    root = Location(objects.sources.entry, "")
    taken: set[str] = set()
    for path, item in (objects.sources.at(root).get("paths") or {}).items():
        followed = objects.follow(root.child("paths", path), item)
        if followed is None or "?" in path or path.startswith("x-"):
            continue
        item_at, item = followed
        for method, below in described_methods(item, objects.version) if isinstance(item, dict) else ():
            at = Location(item_at.file, item_at.pointer + below)
            if fault := fault_of_method(method, below):
                objects.findings.error(
                    at, "unserved-method", fault, "write a method that can be served, or leave it out"
                )
                continue
            given = look_up(item, below)
            found = objects.follow(at, given)
            _tell_of_reference(objects, at, given, is_broken=found is None)
            if found is not None and isinstance(found[1], dict):
                at, node = found
                name = str(node.get("operationId") or unused(derived_id(method, path), taken))
                taken.add(name)
                yield Described(path, method, name, at, node, item_at, item)


def _tell_of_reference(objects: Objects, at: Location, node: object, *, is_broken: bool) -> None:
    """Add a finding for an operation that is a reference. The standard does not allow references for operations, but
    they are followed, as other tools do."""
    if not (isinstance(node, dict) and "$ref" in node):
        return
    if is_broken:
        message = "the operation's reference points to nothing"
        objects.findings.error(at, "unresolved-reference", message, "correct it, or write the operation in its place")
    else:
        message = "the standard does not allow a reference in place of an operation; its target is served"
        objects.findings.warning(at, "operation-by-reference", message, "refer to the path item instead")


def check_operations(objects: Objects, kept: frozenset[str]) -> list[Described]:
    """Add findings for all operations. Return the operations that a router can reach. ``kept`` names the security
    schemes that the server supports."""
    found = list(described(objects))
    _check_paths(objects, found)
    _check_ids(objects, found)
    for operation in found:
        _check_parameters(objects, operation)
        _check_answers(objects, operation)
        if not operation.node.get("tags"):
            objects.findings.warning(
                operation.at,
                "operation-without-tag",
                "the first tag names the module of the handler, but the operation has no tags",
                "add tags with one name",
            )
    _check_security(objects, found, kept)
    return found


def _check_paths(objects: Objects, found: list[Described]) -> None:
    paths = Location(objects.sources.entry, "/paths")
    for path in objects.sources.at(Location(objects.sources.entry, "")).get("paths") or {}:
        if path.startswith("x-"):
            continue
        if "?" in path:
            objects.findings.warning(
                paths.child(path),
                "path-with-query",
                "a path cannot have a query string, so this one is left out",
                "replace what follows the question mark by query parameters",
            )
        elif not path.startswith("/"):
            objects.findings.error(
                paths.child(path), "path-without-slash", "a path must begin with a slash", "put a slash before it"
            )
    first: dict[tuple[str, str], str] = {}
    for operation in found:
        servers = operation.node.get("servers") or operation.item.get("servers")
        key = (operation.method, re.sub(r"\{[^}]*\}", "{}", operation.path) + str(servers))
        if first.setdefault(key, operation.path) != operation.path:
            objects.findings.error(
                paths.child(operation.path),
                "ambiguous-path",
                f"{operation.name} matches the same addresses as {first[key]}, so it is never reached",
                "make one path of the two",
            )


def _check_ids(objects: Objects, found: list[Described]) -> None:
    first: dict[str, Described] = {}
    for operation in found:
        if not operation.is_named:
            objects.findings.warning(
                operation.at,
                "missing-operation-id",
                f"there is no operationId; the operation is called {operation.id}",
                f"add operationId: {operation.id}, or a better one",
            )
        other = first.setdefault(operation.id, operation)
        if other is not operation:
            objects.findings.error(
                operation.at.child("operationId"),
                "duplicate-operation-id",
                f"{operation.name} has the same operationId {operation.id} as {other.name}",
                "give each operation an id of its own",
            )


def _check_parameters(objects: Objects, operation: Described) -> None:
    wanted = set(templates(operation.path))
    declared: dict[str, tuple[Location, Any]] = {}
    queries: list[str] = []
    for owner, at in ((operation.node, operation.at), (operation.item, operation.item_at)):
        here: set[tuple[str, str]] = set()
        parameters = owner.get("parameters")
        for index, parameter in enumerate(parameters if isinstance(parameters, list) else ()):
            place = at.child("parameters", index)
            followed = objects.follow(place, parameter)
            if followed is None or not isinstance(followed[1], dict):
                continue
            target, node = followed
            name, location = str(node.get("name")), str(node.get("in"))
            known = ("path", "query", "header", "cookie", *(["querystring"] if objects.is_3_2 else []))
            if "in" in node and location not in known:
                objects.findings.error(
                    target.child("in"),
                    "unknown-parameter-location",
                    f"the parameter {name} has a location that requests do not have",
                    f"write in: {', '.join(known[:-1])} or {known[-1]}",
                )
            if objects.is_3_2 and location in ("query", "querystring"):
                queries.append(location)
                if len(queries) > 1 and "querystring" in queries:
                    objects.findings.error(
                        place,
                        "query-beside-querystring",
                        "a parameter in: querystring is the whole query, and there is another one",
                        "leave one of them out",
                    )
            if (name, location) in here:
                objects.findings.warning(
                    place,
                    "duplicate-parameter",
                    f"the {location} parameter {name} is in this list twice; the second one is ignored",
                    "leave one of them out",
                )
            here.add((name, location))
            if location == "path":
                declared.setdefault(name, (place, (target, node)))
    if len(wanted) < len(list(templates(operation.path))):
        objects.findings.error(
            Location(objects.sources.entry, "/paths").child(operation.path),
            "repeated-path-parameter",
            "two parameters in the path have the same name",
            "give each a name of its own",
        )
    for name in sorted(wanted - set(declared)):
        objects.findings.warning(
            operation.at,
            "undeclared-path-parameter",
            f"{{{name}}} is in the path of {operation.name}, but is not declared; handlers do not get it",
            f"add a parameter with name: {name}, in: path, required: true and a schema",
        )
    for name, (place, (target, node)) in declared.items():
        if name not in wanted:
            objects.findings.error(
                place,
                "unknown-path-parameter",
                f"{name} is not in the path {operation.path}, so every request to {operation.name} lacks it and is "
                "refused",
                f"put {{{name}}} into the path, or leave the parameter out",
            )
        elif node.get("required") is not True:
            objects.findings.warning(
                target,
                "optional-path-parameter",
                f"the path parameter {name} is not required; a path without it is another path",
                "add required: true",
            )


def _check_answers(objects: Objects, operation: Described) -> None:
    responses = operation.node.get("responses")
    if not responses:
        objects.findings.warning(
            operation.at,
            "no-responses",
            f"{operation.name} has no responses, so its answers are not checked",
            "add responses",
        )
    for status in responses if isinstance(responses, dict) else ():
        if not str(status).startswith("x-") and not _STATUS.fullmatch(str(status)):
            objects.findings.warning(
                operation.at.child("responses", status),
                "unknown-status",
                "no answer has this status",
                "write a status such as '200', a range such as 2XX, or default",
            )


def _scheme(objects: Objects, name: str, known: Container[str]) -> str:
    return component_named(name, "securitySchemes", known) if objects.is_3_2 else name


def _check_security(objects: Objects, found: list[Described], kept: frozenset[str]) -> None:
    root = Location(objects.sources.entry, "")
    content = objects.sources.at(root)
    components = content.get("components")
    declared = components.get("securitySchemes") if isinstance(components, dict) else None
    schemes = declared if isinstance(declared, dict) else {}
    closed: dict[str, list[str]] = {}
    partly: dict[str, list[str]] = {}
    for operation in found:
        at, security = operation.at.child("security"), operation.node.get("security")
        if security is None:
            at, security = root.child("security"), content.get("security")
        unsupported = []
        alternatives = [r for r in security if isinstance(r, dict)] if isinstance(security, list) else []
        for index, requirement in enumerate(alternatives):
            for name in requirement:
                if _scheme(objects, name, schemes) not in schemes:
                    objects.findings.error(
                        at.child(index, name),
                        "undefined-security-scheme",
                        f"{name} is not among components/securitySchemes",
                        "define it there, or correct the name",
                    )
            names = [_scheme(objects, name, schemes) for name in requirement]
            unsupported.append([name for name in names if name in schemes and name not in kept])
        if unsupported:
            # One alternative without unsupported schemes is enough to access the operation.
            for name in {name for names in unsupported for name in names}:
                (closed if all(unsupported) else partly).setdefault(name, []).append(operation.name)
    for group, severity, effect in (
        (closed, "error", "so every request is refused: "),
        (partly, "warning", "so this alternative cannot be used: "),
    ):
        for name, names in group.items():
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            objects.findings.add(
                root.child("components", "securitySchemes", name),
                severity,
                "unsupported-security-scheme",
                f"the server does not support keys of this kind, {effect}{shown}",
                "use type: http with scheme: bearer, or type: apiKey; http with basic needs PARLEY_BASIC_AUTH=1",
            )
