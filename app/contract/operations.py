"""The operations of a document: what routing, validation and documentation need of each, read once at startup."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import DocumentError, UnusablePart
from ..jsontypes import Json
from .bodies import Body, bodies_of
from .content import content_of
from .document import Document, base_path, templates
from .events import event_data, item_data
from .media import MediaTypes, split_type
from .methods import described_methods, fault_of_method
from .parameter_objects import read_parameters
from .parameters import Parameter
from .path_ends import takes_rest
from .pointers import component_named, look_up, pointer_to
from .sequences import EVENTS
from .structure import since_3_2

log = logging.getLogger("parley")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path.

    ``id`` is the operationId, or an id derived from method and path; ``key`` is the id in characters that every
    framework accepts, unique in the document. ``base`` is the path of the server that it belongs to. ``request`` maps
    the media types and ranges of the body, in lower case, to its description; ``responses`` maps a status (``200``,
    ``4XX``, ``default``) to media types and the pointers of their schemas. ``items`` are those pointers whose schema
    describes one item of a sequence; for event streams, an event as a whole. ``fault``: why the operation cannot be
    used in a lenient document; it then responds with this error only. ``takes_rest``: a parameter at the end of the
    path takes the rest of it, slashes included.
    """

    id: str
    key: str
    method: str
    base: str
    path: str
    tag: str | None
    parameters: tuple[Parameter, ...]
    request: Mapping[str, Body]
    request_required: bool
    responses: Mapping[str, Mapping[str, str | None]]
    security: list[Any] | None = field(default=None)
    fault: str = ""
    items: frozenset[str] = frozenset()
    takes_rest: bool = False

    def unusable(self, fault: str) -> Operation:
        """Return the operation marked as unusable, with nothing required of requests and no responses described."""
        return replace(
            self,
            parameters=(),
            request={},
            request_required=False,
            responses={},
            security=None,
            tag=None,
            fault=fault,
            items=frozenset(),
        )

    @property
    def url(self) -> str:
        """The template of the whole path."""
        return self.base + self.path

    @property
    def request_schemas(self) -> Mapping[str, str | None]:
        """Pointers of the schemas of the body by media type; None: any value is allowed."""
        return {media_type: body.schema for media_type, body in self.request.items()}

    @property
    def schemas(self) -> Iterator[str]:
        """Pointers of all schemas that requests and responses are validated against."""
        yield from (parameter.schema for parameter in self.parameters if parameter.schema)
        for body in self.request.values():
            yield from body.header_schemas
            yield from filter(None, (body.schema, body.item, *(body.form.header_schemas if body.form else ())))
        for media in self.responses.values():
            yield from filter(None, media.values())

    def response_schema(self, status: int, media_type: str) -> str | None:
        """Return the pointer of the schema that a response must match; None if the document describes none."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self.responses:
                return MediaTypes(self.responses[key]).find(*split_type(media_type))
        return None


def operations(document: Document) -> list[Operation]:
    """Return all operations that a router can reach, in the document's order.

    Raises:
        DocumentError: two operations share an operationId, a reference is broken, or a part violates OpenAPI.
    """
    found: dict[str, Operation] = {}
    keys: set[str] = set()
    unreachable, derived = [], []
    for path, item in document.paths.items():
        if path.startswith("x-"):
            continue
        if "?" in path:
            unreachable.append(path)
            continue
        try:
            item, pointer = _path_item(document, path, item)
        except DocumentError as error:
            if not document.lenient:
                raise
            log.warning("left out: %s", error)
            continue
        for method, below in described_methods(item, document.version):
            if fault := fault_of_method(method, below):
                if not document.lenient:
                    raise UnusablePart(f"{document.source}: {pointer}{below}: {fault}.")
                log.warning("left out: %s%s: %s", pointer, below, fault)
                continue
            try:
                node, there = document.resolve(look_up(item, below))
            except DocumentError:
                if not document.lenient:
                    raise
                node, there = None, None
            at = there or f"{pointer}{below}"
            given = node.get("operationId") if isinstance(node, dict) else None
            name = str(given) if given else derived_id(method, path)
            if given and name in found:
                if not document.lenient:
                    raise UnusablePart(
                        f"{document.source}: more than one operation has the operationId {name}; give each its own."
                    )
                given, name = None, derived_id(method, path)
            if not given:
                name = unused(name, found)
                derived.append(name)
            key = unused(re.sub(r"\W", "_", name), keys)
            keys.add(key)
            try:
                found[name] = _operation(document, name, key, path, method, node, at, item, pointer)
            except DocumentError as error:
                if not document.lenient:
                    raise
                base = base_path(document.content.get("servers"))
                rest = path.endswith("}")
                found[name] = Operation(
                    name, key, method, base, path, None, (), {}, False, {}, fault=str(error), takes_rest=rest
                )
    if unreachable:
        log.warning("paths with a query string cannot be matched and are left out: %s", ", ".join(unreachable))
    if derived:
        log.info("operations without an operationId are named: %s", ", ".join(derived))
    return list(found.values())


def _path_item(document: Document, path: str, item: object) -> tuple[Json, str]:
    """Return the path item of a path, and its pointer."""
    _check_path(document, path)
    item, pointer = document.resolve(item)
    if not isinstance(item, dict):
        raise UnusablePart(f"{document.source}: the path {path} has no operations; it must be an object.")
    return item, pointer or pointer_to("paths", path)


def _check_path(document: Document, path: str) -> None:
    if not path.startswith("/"):
        raise UnusablePart(f"{document.source}: the path {path or repr(path)} does not begin with a slash.")
    names = list(templates(path))
    if len(set(names)) < len(names):
        raise UnusablePart(f"{document.source}: the path {path} has two parameters of the same name.")


def derived_id(method: str, path: str) -> str:
    """Return the id of an operation that has no operationId."""
    return re.sub(r"[\W_]+", "_", f"{method}_{path}").strip("_")


def unused(name: str, taken: Container[str]) -> str:
    """Return the name if it is not taken, else the name with a numeric suffix."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _operation(
    document: Document, name: str, key: str, path: str, method: str, node: Any, base: str, item: Any, pointer: str
) -> Operation:
    """Read the operation ``node`` at the pointer ``base``, of the path item at ``pointer``.

    Raises:
        DocumentError: a reference is broken, or a part violates OpenAPI.
    """
    try:
        return _read(document, name, key, path, method, node, base, item, pointer)
    except (AttributeError, TypeError, KeyError, ValueError, IndexError) as error:
        raise UnusablePart(
            f"{document.source}: the operation {method.upper()} {path} is not as OpenAPI has it "
            f"({type(error).__name__})."
        ) from error


def _read(
    document: Document, name: str, key: str, path: str, method: str, node: Any, base: str, item: Any, pointer: str
) -> Operation:
    body, body_pointer = document.resolve(node.get("requestBody") or {})
    responses = {}
    items: set[str] = set()
    for status, response in (node.get("responses") or {}).items():
        if str(status).startswith("x-"):
            continue
        response, response_pointer = document.resolve(response)
        at = response_pointer or base + pointer_to("responses", status)
        media = _media(document, response, at, items)
        responses[str(status).upper() if str(status) != "default" else "default"] = media
    parameters = read_parameters(document, node, item, base, pointer)
    return Operation(
        id=name,
        key=key,
        method=method,
        base=base_path(node.get("servers") or item.get("servers") or document.content.get("servers")),
        path=path,
        tag=None if (tag := (node.get("tags") or [None])[0]) is None else str(tag),
        parameters=parameters,
        request=bodies_of(document, body, body_pointer or f"{base}/requestBody"),
        request_required=bool(body.get("required")),
        responses=responses,
        security=_requirements(document, node.get("security", document.content.get("security"))),
        items=frozenset(items),
        takes_rest=takes_rest(document, path, parameters),
    )


def _requirements(document: Document, security: Any) -> Any:
    """Return the security requirements of an operation, by the names of their schemes. Since OpenAPI 3.2 a scheme may
    be named by URI; such URIs are replaced by names."""
    if not (since_3_2(document.version) and isinstance(security, list)):
        return security
    known = (document.content.get("components") or {}).get("securitySchemes") or {}
    return [
        {component_named(name, "securitySchemes", known): scopes for name, scopes in requirement.items()}
        for requirement in security
    ]


def _media(document: Document, node: Any, pointer: str, items: set[str]) -> dict[str, str | None]:
    """Return the pointers of the schemas of a response by media type. Pointers of the schemas of sequence items are
    added to ``items``."""
    found = {}
    for media_type, described in content_of(document, node, pointer).items():
        schema = described.schema
        if described.item and described.framing != "parts":
            schema, is_item = described.item, True
            if described.framing == "events":
                schema, is_item = item_data(document, described.item)
            items |= {schema} if is_item else set()
        elif schema and media_type.lower() == EVENTS:
            schema = event_data(document, schema)
        found[media_type.lower()] = schema
    return found
