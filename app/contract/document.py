"""An OpenAPI document, 3.0, 3.1 or 3.2: its content, and the resolution of its references.

The document itself is never modified: it is served as written. Validators are compiled from copies of its parts, which
are converted to JSON Schema 2020-12 (see `app.contract.source`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import DocumentError, UnusablePart
from ..jsontypes import Json
from .loading import load, to_json
from .pointers import look_up, pointer_in
from .upgrade import has_directions

_PARTS = (
    ("components", dict, "an object"),
    ("servers", list, "a list"),
    ("security", list, "a list"),
)


class Document:
    """An OpenAPI document.

    ``content`` is the document as written, ``paths`` its paths, ``base_path`` the path of its first server without a
    trailing slash. ``json_bytes`` and ``yaml_bytes`` are what is served. ``files`` are the files that it was read from.
    """

    def __init__(
        self,
        content: Json,
        *,
        source: str = "document",
        json_bytes: bytes | None = None,
        yaml_bytes: bytes | None = None,
        files: tuple[Path, ...] = (),
        lenient: bool = False,
    ) -> None:
        version = str(content.get("openapi", ""))
        if not re.match(r"3\.[012](\.|$)", version):
            found = f"openapi: {version}" if version else "no openapi version"
            raise DocumentError(f"{source} has {found}; an OpenAPI document 3.0, 3.1 or 3.2 is needed.")
        if not isinstance(content.get("paths", {} if may_lack_paths(content) else None), dict):
            raise DocumentError(f"{source} has no paths, so there is nothing to serve.")
        for name, kind, told in _PARTS:
            if content.get(name) is not None and not isinstance(content[name], kind):
                raise DocumentError(f"{source}: {name} is not {told}.")
        self.content = content
        self.source = source
        self.version = version
        # A 3.1 document may have no paths, only webhooks or components.
        self.paths: Json = content.get("paths", {})
        self.base_path = base_path(content.get("servers"))
        self.json_bytes = json_bytes if json_bytes is not None else to_json(content, source)
        # JSON is valid YAML 1.2, so a document that was not written as YAML is served as JSON.
        self.yaml_bytes = yaml_bytes if yaml_bytes is not None else self.json_bytes
        self.files = files
        self.lenient = lenient
        # Whether requests and responses are validated against different forms of a schema.
        self.has_directions = has_directions(self.json_bytes)

    @classmethod
    def load(cls, path: Path, *, cache: Path | None = None, keep: bool = False, lenient: bool = False) -> Document:
        """Read a YAML or JSON file, with the files in its folder that it refers to. ``keep``: see
        `app.contract.loading.load`. ``lenient``: leave out the parts that cannot be used, and serve the rest.

        Raises:
            DocumentError: a file cannot be read or is not an OpenAPI document.
        """
        loaded = load(path, cache=cache, keep=keep, lenient=lenient)
        return cls(
            loaded.content,
            source=str(path),
            json_bytes=loaded.json,
            yaml_bytes=loaded.yaml,
            files=loaded.files,
            lenient=lenient,
        )

    def resolve(self, node: object) -> tuple[Any, str | None]:
        """Follow ``$ref`` from a node. Return the target node, and its JSON pointer if a reference was followed.

        Raises:
            DocumentError: the reference leaves the document, points nowhere, or is circular.
        """
        pointer = None
        for _ in range(64):
            if not (isinstance(node, dict) and isinstance(node.get("$ref"), str)):
                return node, pointer
            reference = node["$ref"]
            if not reference.startswith("#/"):
                raise UnusablePart(f"{self.source}: the reference {reference} leaves the document.")
            pointer = pointer_in(reference)
            try:
                node = look_up(self.content, pointer)
            except LookupError:
                raise UnusablePart(f"{self.source}: the reference {reference} points to nothing.") from None
        raise UnusablePart(f"{self.source}: the references form a cycle at {pointer}.")

    def target(self, node: object) -> Any:
        """Return the node that `resolve` returns; None in a lenient document if the reference cannot be resolved."""
        try:
            return self.resolve(node)[0]
        except DocumentError:
            if not self.lenient:
                raise
            return None


def may_lack_paths(content: Json) -> bool:
    """Whether a document may have no paths (OpenAPI 3.1.1, section 4.8.1): it has webhooks or components instead."""
    return not str(content.get("openapi", "")).startswith("3.0") and bool({"webhooks", "components"} & content.keys())


def base_path(servers: object) -> str:
    """Return the path of the first server, with the defaults of its variables, without a trailing slash."""
    server = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
    url = str(server.get("url", "/"))
    for name, rule in (server.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", str(rule.get("default", "")))
    return "/" + path if (path := urlsplit(url).path.strip("/")) else ""


def templates(path: str) -> Iterator[str]:
    """Yield the names of the parameters in a path template, in order."""
    return (match.group(1) for match in re.finditer(r"\{([^}]*)\}", path))
