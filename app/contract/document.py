"""An OpenAPI document, 3.0, 3.1 or 3.2: what it says, where its references lead, and its schemas in one form.

The document itself is never altered: it is served as it was written. Only copies of its parts, that validators are
compiled from, are brought into the form of JSON Schema 2020-12 (see `app.contract.source`).
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

    ``content`` is the document as written, ``paths`` what is served of it, ``base_path`` the path of its first server
    without a slash at the end,
    ``json_bytes`` and ``yaml_bytes`` what is served, ``files`` what it was read from.
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
        # 3.1 has documents without, of webhooks or components alone.
        self.paths: Json = content.get("paths", {})
        self.base_path = base_path(content.get("servers"))
        self.json_bytes = json_bytes if json_bytes is not None else to_json(content, source)
        # JSON is YAML 1.2 too, so a document that was never written as YAML can be served as it is.
        self.yaml_bytes = yaml_bytes if yaml_bytes is not None else self.json_bytes
        self.files = files
        self.lenient = lenient
        # Whether requests and answers are held against different forms of a schema.
        self.has_directions = has_directions(self.json_bytes)

    @classmethod
    def load(cls, path: Path, *, cache: Path | None = None, keep: bool = False, lenient: bool = False) -> Document:
        """Read a YAML or JSON file, with the files beside it that it refers to. ``keep``: see
        `app.contract.loading.load`. ``lenient``: what of it cannot be used is to be left out, and all else served.

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
        """Follow ``$ref`` from a node: the node that is meant, and its JSON pointer if a reference was followed.

        Raises:
            DocumentError: the reference leaves the document or points nowhere.
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
                raise UnusablePart(f"{self.source}: the reference {reference} points nowhere.") from None
        raise UnusablePart(f"{self.source}: references go round in circles at {pointer}.")

    def target(self, node: object) -> Any:
        """As `resolve`, the node alone; None in a lenient document whose reference leads nowhere."""
        try:
            return self.resolve(node)[0]
        except DocumentError:
            if not self.lenient:
                raise
            return None


def may_lack_paths(content: Json) -> bool:
    """Whether a document may be without paths (OpenAPI 3.1.1, section 4.8.1): one of webhooks or components."""
    return not str(content.get("openapi", "")).startswith("3.0") and bool({"webhooks", "components"} & content.keys())


def base_path(servers: object) -> str:
    """The path of the first of some servers, its variables at their defaults, without a slash at the end."""
    server = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
    url = str(server.get("url", "/"))
    for name, rule in (server.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", str(rule.get("default", "")))
    return "/" + path if (path := urlsplit(url).path.strip("/")) else ""


def templates(path: str) -> Iterator[str]:
    """The names of the parameters in a path template, in order."""
    return (match.group(1) for match in re.finditer(r"\{([^}]*)\}", path))
