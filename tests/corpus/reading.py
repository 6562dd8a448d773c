"""A document as the judge reads it: files, references, operations. It takes documents as they are and checks nothing.

Every value has a place, a file and a pointer in it, by which a validator of JSON Schema finds it again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname

import yaml
from referencing import Registry, Resource, Specification
from referencing.jsonschema import DRAFT202012

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class _Loader(yaml.CSafeLoader):  # type: ignore[misc,unused-ignore]
    """YAML's types as JSON has them: no dates, and only ``true`` and ``false`` are booleans."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in known if tag.rpartition(":")[2] not in ("timestamp", "bool")]
    for letter, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false|True|False)$"), list("tfTF"))


def read(path: Path) -> Any:
    """What a JSON or YAML file holds; the names of its objects are texts."""
    text = path.read_text(encoding="utf-8-sig")
    return json.loads(text) if path.suffix == ".json" else _with_text_names(yaml.load(text, _Loader))


def _with_text_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {name if isinstance(name, str) else json.dumps(name): _with_text_names(v) for name, v in value.items()}
    return [_with_text_names(item) for item in value] if isinstance(value, list) else value


@dataclass
class Reader:
    """The files of a document, read when they are wanted."""

    path: Path
    files: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def root(self) -> Node:
        uri = self.path.resolve().as_uri()
        return Node(self, uri, (), self.file(uri))

    @property
    def version(self) -> str:
        """As ``3.1``."""
        return str(self.root.value["openapi"])[:3]

    def file(self, uri: str) -> Any:
        if uri not in self.files:
            self.files[uri] = read(Path(url2pathname(urlsplit(uri).path)))
        return self.files[uri]

    @cached_property
    def registry(self) -> Registry[Any]:
        """By which validators follow references."""
        specification: Specification[Any] = Specification.OPAQUE if self.version == "3.0" else DRAFT202012

        def retrieve(uri: str) -> Resource[Any]:
            return specification.create_resource(self.file(uri))

        return Registry(retrieve=retrieve)  # type: ignore[call-arg]

    def operations(self) -> Iterator[Operation]:
        """All operations, in the document's order, but those of paths with a query or a fragment, which are none."""
        paths = self.root.get("paths")
        for path in paths.value if paths else ():
            if not path.startswith("/") or {"?", "#"} & set(path):
                continue
            item = self.root.get("paths", path)
            for method in METHODS:
                node = item.get(method) if item else None
                if item and node and isinstance(node.value, dict):
                    yield Operation(path, method.upper(), item, node)


@dataclass(frozen=True)
class Node:
    """A value of a document and its place."""

    reader: Reader = field(repr=False)
    file: str
    pointer: tuple[str, ...]
    value: Any = field(repr=False)

    @property
    def uri(self) -> str:
        parts = (quote(part.replace("~", "~0").replace("/", "~1"), safe="~") for part in self.pointer)
        return f"{self.file}#{''.join(f'/{part}' for part in parts)}"

    def get(self, *names: str) -> Node | None:
        """What is below, with references followed; None where there is nothing."""
        node: Node | None = self
        for name in names:
            node = node._child(name) if node else None
            node = node.followed() if node else None
        return node

    def _child(self, name: str) -> Node | None:
        value = self.value
        if isinstance(value, dict) and name in value:
            return Node(self.reader, self.file, (*self.pointer, name), value[name])
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            return Node(self.reader, self.file, (*self.pointer, name), value[int(name)])
        return None

    def followed(self) -> Node | None:
        """What a chain of references leads to."""
        node: Node | None = self
        for _ in range(20):
            if node is None or not isinstance(node.value, dict) or not isinstance(node.value.get("$ref"), str):
                return node
            uri, pointer = urldefrag(urljoin(node.file, node.value["$ref"]))
            found: Node | None = Node(node.reader, uri, (), node.reader.file(uri))
            for part in pointer.split("/")[1:]:
                found = found._child(unquote(part).replace("~1", "/").replace("~0", "~")) if found else None
            node = found
        return None

    def children(self) -> Iterator[Node]:
        """Of a list or an object, with references followed."""
        names = map(str, range(len(self.value))) if isinstance(self.value, list) else list(self.value)
        yield from filter(None, map(self.get, names))


@dataclass(frozen=True)
class Operation:
    """A method of a path."""

    path: str
    method: str
    item: Node = field(repr=False)
    node: Node = field(repr=False)

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def base(self) -> str:
        """The path of the first server, with its variables at their defaults and without a slash at the end."""
        for node in (self.node, self.item, self.item.reader.root):
            servers = node.get("servers") if isinstance(node.value, dict) else None
            if servers and servers.value:
                server = servers.value[0]
                url = str(server.get("url", ""))
                for name, variable in (server.get("variables") or {}).items():
                    url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
                return urlsplit(url).path.rstrip("/")
        return ""

    @property
    def parameters(self) -> list[Node]:
        """Its own and those of its path that it does not give again."""
        found: dict[tuple[str, str], Node] = {}
        for node in (self.item, self.node):
            listed = node.get("parameters")
            for parameter in listed.children() if listed else ():
                found[parameter.value.get("in"), parameter.value.get("name")] = parameter
        return list(found.values())

    @property
    def security(self) -> list[dict[str, Any]]:
        """The requirements, of which one must be met; none: it is open."""
        root = self.item.reader.root.value
        return list(self.node.value.get("security", root.get("security")) or [])
