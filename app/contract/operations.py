"""The operations of a document: what routing, checking and documenting need to know of each, read once at start."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..errors import DocumentError, UnusablePart
from ..jsontypes import Json
from .document import Document, base_path, templates
from .events import event_data
from .forms import Encoding, Form
from .media import FORM, MULTIPART, MediaTypes, is_json, split_type
from .parameter_objects import follow, read_parameter, read_parameters
from .parameters import Parameter, style_of
from .pointers import pointer_to
from .shapes import Shape

log = logging.getLogger("parley")

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class Body:
    """A media type of a request's body: the pointer of its schema (None: anything goes), how text is read by it, and
    for a form how its fields are written."""

    schema: str | None
    shape: Shape
    form: Form | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path.

    ``id`` is the operationId, or one made of method and path; ``key`` is the same in letters that every framework
    takes, and no other operation's. ``base`` is the path of the server that it belongs to. ``request`` maps the media
    types and ranges of the body, in lower case, to what it must be; ``responses`` maps a status (``200``, ``4XX``,
    ``default``) to media types and the pointers of their schemas. ``fault``: why it cannot be used, and answers nothing
    but that, in a lenient document.
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

    def unusable(self, fault: str) -> Operation:
        """The operation as one that cannot be used: nothing is asked of requests, and nothing is promised."""
        return replace(
            self, parameters=(), request={}, request_required=False, responses={}, security=None, tag=None, fault=fault
        )

    @property
    def url(self) -> str:
        """The template of the whole path."""
        return self.base + self.path

    @property
    def request_schemas(self) -> Mapping[str, str | None]:
        """Pointers of the schemas of the body by media type; None: anything goes."""
        return {media_type: body.schema for media_type, body in self.request.items()}

    @property
    def schemas(self) -> Iterator[str]:
        """Pointers of all schemas that requests and responses are held against."""
        yield from (parameter.schema for parameter in self.parameters if parameter.schema)
        for body in self.request.values():
            yield from filter(None, (body.schema, *(body.form.header_schemas if body.form else ())))
        for media in self.responses.values():
            yield from filter(None, media.values())

    def response_schema(self, status: int, media_type: str) -> str | None:
        """Pointer of the schema that a response must fit; None where the document does not say."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self.responses:
                return MediaTypes(self.responses[key]).find(*split_type(media_type))
        return None


def operations(document: Document) -> list[Operation]:
    """All operations that a router can reach, in the document's order.

    Raises:
        DocumentError: two operations share an operationId, a reference is broken, or a part is not as OpenAPI has it.
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
        for method in METHODS:
            if method not in item:
                continue
            try:
                node, there = document.resolve(item[method])
            except DocumentError:
                if not document.lenient:
                    raise
                node, there = None, None
            at = there or f"{pointer}/{method}"
            given = node.get("operationId") if isinstance(node, dict) else None
            name = str(given) if given else derived_id(method, path)
            if given and name in found:
                if not document.lenient:
                    raise UnusablePart(
                        f"{document.source}: the operationId {name} stands at more than one operation; give each its "
                        "own."
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
                found[name] = Operation(name, key, method, base, path, None, (), {}, False, {}, fault=str(error))
    if unreachable:
        log.warning("no router reaches paths with a query string, left out: %s", ", ".join(unreachable))
    if derived:
        log.info("operations without an operationId are called: %s", ", ".join(derived))
    return list(found.values())


def _path_item(document: Document, path: str, item: object) -> tuple[Json, str]:
    """The path item of a path, and its pointer."""
    _check_path(document, path)
    item, pointer = document.resolve(item)
    if not isinstance(item, dict):
        raise UnusablePart(f"{document.source}: the path {path} has no operations; it is no object.")
    return item, pointer or pointer_to("paths", path)


def _check_path(document: Document, path: str) -> None:
    if not path.startswith("/"):
        raise UnusablePart(f"{document.source}: the path {path or repr(path)} does not begin with a slash.")
    names = list(templates(path))
    if len(set(names)) < len(names):
        raise UnusablePart(f"{document.source}: the path {path} has two parameters of the same name.")


def derived_id(method: str, path: str) -> str:
    """What an operation without an operationId goes by."""
    return re.sub(r"[\W_]+", "_", f"{method}_{path}").strip("_")


def unused(name: str, taken: Container[str]) -> str:
    """A name that is not taken: itself, or with a number behind it."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _operation(
    document: Document, name: str, key: str, path: str, method: str, node: Any, base: str, item: Any, pointer: str
) -> Operation:
    """The operation ``node`` at the pointer ``base``, of a path item at ``pointer``.

    Raises:
        DocumentError: a reference is broken, or a part is not as OpenAPI has it.
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
    for status, response in (node.get("responses") or {}).items():
        if str(status).startswith("x-"):
            continue
        response, response_pointer = document.resolve(response)
        at = response_pointer or base + pointer_to("responses", status)
        media = _media(response, at)
        if events := media.get("text/event-stream"):
            media["text/event-stream"] = event_data(document, events)
        responses[str(status).upper() if str(status) != "default" else "default"] = media
    return Operation(
        id=name,
        key=key,
        method=method,
        base=base_path(node.get("servers") or item.get("servers") or document.content.get("servers")),
        path=path,
        tag=None if (tag := (node.get("tags") or [None])[0]) is None else str(tag),
        parameters=read_parameters(document, node, item, base, pointer),
        request=_bodies(document, body, body_pointer or f"{base}/requestBody"),
        request_required=bool(body.get("required")),
        responses=responses,
        security=node.get("security", document.content.get("security")),
    )


def _media(node: Any, pointer: str) -> dict[str, str | None]:
    return {
        media_type.lower(): pointer + pointer_to("content", media_type, "schema") if "schema" in media else None
        for media_type, media in (node.get("content") or {}).items()
    }


def _bodies(document: Document, node: Any, pointer: str) -> dict[str, Body]:
    found = {}
    for media_type, media in (node.get("content") or {}).items():
        at = pointer + pointer_to("content", media_type)
        shape = Shape(partial(follow, document), media.get("schema", {}))
        kind = split_type(media_type)[0]
        form = None
        if kind in (FORM, MULTIPART) or "*" in kind:
            form = Form(shape, _encodings(document, media.get("encoding") or {}, at))
        if not (form or is_json(kind)) and (shape.is_object or shape.is_array):
            log.warning("%s: a body of the type %s is handed on as it is; its schema is not applied", pointer, kind)
        found[media_type.lower()] = Body(at + "/schema" if "schema" in media else None, shape, form)
    return found


def _encodings(document: Document, node: Any, pointer: str) -> dict[str, Encoding]:
    found = {}
    for name, encoding in node.items():
        at = pointer + pointer_to("encoding", name)
        headers = [
            read_parameter(document, {**header, "name": key, "in": "header"}, there or at + pointer_to("headers", key))
            for key, (header, there) in (
                (key, document.resolve(header)) for key, header in (encoding.get("headers") or {}).items()
            )
            if key.lower() != "content-type"  # which ``contentType`` tells
        ]
        # Without any of these a form says by its media types how a value is written.
        styled = any(key in encoding for key in ("style", "explode", "allowReserved"))
        found[name] = Encoding(
            media_types=tuple(part.strip().lower() for part in encoding.get("contentType", "").split(",") if part),
            style=style_of(encoding, "query") if styled else None,
            headers=tuple(headers),
        )
    return found
