"""The operations of a document: what routing, checking and documenting need to know of each, read once at start."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigurationError
from .document import Document, base_path, pointer_to

log = logging.getLogger("parley")

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_TYPES = ("string", "integer", "number", "boolean", "array", "object")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: its name, where it stands (``path``, ``query``, ``header``, ``cookie``), the pointer of its schema
    (None: anything goes) and the one JSON type that its text is read as."""

    name: str
    location: str
    required: bool
    schema: str | None
    type: str
    item_type: str = "string"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path.

    ``id`` is the operationId, or one made of method and path; ``key`` is the same in letters that every framework
    takes, and no other operation's. ``base`` is the path of the server that it belongs to. ``request`` maps the media
    types of the body, in lower case, to schema pointers; ``responses`` maps a status (``200``, ``4XX``, ``default``)
    to the same.
    """

    id: str
    key: str
    method: str
    base: str
    path: str
    tag: str | None
    parameters: tuple[Parameter, ...]
    request: Mapping[str, str | None]
    request_required: bool
    responses: Mapping[str, Mapping[str, str | None]]
    security: list[Any] | None = field(default=None)

    @property
    def url(self) -> str:
        """The template of the whole path."""
        return self.base + self.path

    @property
    def schemas(self) -> Iterator[str]:
        """Pointers of all schemas that requests and responses are held against."""
        yield from (parameter.schema for parameter in self.parameters if parameter.schema)
        for media in (self.request, *self.responses.values()):
            yield from filter(None, media.values())

    def response_schema(self, status: int, media_type: str) -> str | None:
        """Pointer of the schema that a response must fit; None where the document does not say."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self.responses:
                return self.responses[key].get(media_type)
        return None


def operations(document: Document) -> list[Operation]:
    """All operations that a router can reach, in the document's order.

    Raises:
        ConfigurationError: two operations share an operationId, or a reference is broken.
    """
    found: dict[str, Operation] = {}
    keys: set[str] = set()
    unreachable, derived = [], []
    for path, item in document.content["paths"].items():
        if path.startswith("x-"):
            continue
        if "?" in path:
            unreachable.append(path)
            continue
        item, pointer = document.resolve(item)
        pointer = pointer or pointer_to("paths", path)
        for method in METHODS:
            if method not in item:
                continue
            given = item[method].get("operationId")
            name = str(given) if given else re.sub(r"[\W_]+", "_", f"{method}_{path}").strip("_")
            if given and name in found:
                raise ConfigurationError(
                    f"{document.source}: the operationId {name} stands at more than one operation; give each its own."
                )
            if not given:
                name = _unused(name, found)
                derived.append(name)
            key = _unused(re.sub(r"\W", "_", name), keys)
            keys.add(key)
            found[name] = _operation(document, name, key, path, method, item, pointer)
    if unreachable:
        log.warning("no router reaches paths with a query string, left out: %s", ", ".join(unreachable))
    if derived:
        log.info("operations without an operationId are called: %s", ", ".join(derived))
    return list(found.values())


def _unused(name: str, taken: Container[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _operation(document: Document, name: str, key: str, path: str, method: str, item: Any, pointer: str) -> Operation:
    node = item[method]
    base = f"{pointer}/{method}"
    body, body_pointer = document.resolve(node.get("requestBody") or {})
    responses = {}
    for status, response in (node.get("responses") or {}).items():
        response, response_pointer = document.resolve(response)
        at = response_pointer or base + pointer_to("responses", status)
        media = _media(response, at)
        if events := media.get("text/event-stream"):
            media["text/event-stream"] = _event_data(document, events)
        responses[str(status).upper() if str(status) != "default" else "default"] = media
    return Operation(
        id=name,
        key=key,
        method=method,
        base=base_path(node.get("servers") or item.get("servers") or document.content.get("servers")),
        path=path,
        tag=(node.get("tags") or [None])[0],
        parameters=_parameters(document, node, item, base, pointer),
        request=_media(body, body_pointer or f"{base}/requestBody"),
        request_required=bool(body.get("required")),
        responses=responses,
        security=node.get("security", document.content.get("security")),
    )


def _media(node: Any, pointer: str) -> dict[str, str | None]:
    return {
        media_type.lower(): pointer + pointer_to("content", media_type, "schema") if "schema" in media else None
        for media_type, media in (node.get("content") or {}).items()
    }


def _event_data(document: Document, pointer: str) -> str:
    """The pointer of the schema of an event's data: some documents describe the event itself, with its ``data``."""
    schema, followed = document.resolve({"$ref": f"#{pointer}"})
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(properties, dict) and "data" in properties and set(properties) <= {"data", "event", "id", "retry"}:
        return f"{followed}/properties/data"
    return pointer


def _parameters(document: Document, node: Any, item: Any, base: str, item_pointer: str) -> tuple[Parameter, ...]:
    found: dict[tuple[str, str], Parameter] = {}
    for owner, at in ((node, base), (item, item_pointer)):
        for index, parameter in enumerate(owner.get("parameters") or []):
            parameter, pointer = document.resolve(parameter)
            key = (parameter["name"], parameter["in"])
            if key in found:
                continue  # the operation's own parameter stands before the path's
            pointer = pointer or at + pointer_to("parameters", index)
            schema = parameter.get("schema")
            kind, item_kind = _type(document, schema)
            found[key] = Parameter(
                name=parameter["name"],
                location=parameter["in"],
                required=bool(parameter.get("required")) or parameter["in"] == "path",
                schema=pointer + "/schema" if schema is not None else None,
                type=kind,
                item_type=item_kind,
            )
    return tuple(found.values())


def _type(document: Document, schema: Any, depth: int = 0) -> tuple[str, str]:
    """The one type that a parameter's text is read as, and that of its items; unions fall back to text."""
    schema, _ = document.resolve(schema)
    if not isinstance(schema, dict) or depth > 8:
        return "string", "string"
    declared = schema.get("type")
    kinds = [declared] if isinstance(declared, str) else list(declared or [])
    for union in ("anyOf", "oneOf", "allOf"):
        kinds += [
            _type(document, branch, depth + 1)[0] for branch in schema.get(union, []) if branch != {"type": "null"}
        ]
    kinds = [kind for kind in dict.fromkeys(kinds) if kind in _TYPES]
    kind = kinds[0] if len(kinds) == 1 else "string"
    return kind, _type(document, schema.get("items"), depth + 1)[0] if kind == "array" else "string"
