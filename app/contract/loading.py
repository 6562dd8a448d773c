"""Reads an OpenAPI document from its file or files: YAML or JSON, with the types of JSON, as one document.

Parsed YAML is kept as JSON in a folder of the user's own: a large document takes a second to parse, and its JSON a
hundredth of that. References to files beside the document are followed, those to anywhere else are refused.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jiter
import yaml

from ..errors import DocumentError
from .structure import FILES, Json, escape, transform

# Changes when the same file would be parsed to something else.
_FORM = b"1"
_MOST_KEPT = 32
_OUTWARD = re.compile(rb'"\$ref":"(?!#)|"mapping":\{[^}]*\.(?:ya?ml|json)')
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as it was written, or put together from several files; ``yaml`` is what to show as YAML, ``files``
    are all that it was read from, its own first."""

    content: Json
    json: bytes
    yaml: bytes
    files: tuple[Path, ...]


def load(path: Path, *, cache: Path | None = None) -> Loaded:
    """Read a document. ``cache`` is the folder for parsed files; None: that of the user, see `cache_folder`.

    Raises:
        DocumentError: a file cannot be read, is not valid, or refers to what is not in the document's folder.
    """
    raw, text = _read(path, cache)
    content = _object(path, text)
    if not _OUTWARD.search(text):
        return Loaded(content, text, raw if path.suffix != ".json" else text, (path,))
    bundle = _Bundle(path, cache)
    content = bundle.put_together(content)
    if len(bundle.files) > 1:
        # JSON is YAML 1.2 too: what was never written as one file is shown as it is.
        raw = text = to_json(content, path)
    return Loaded(content, text, raw if path.suffix != ".json" else text, tuple(bundle.files))


def to_json(content: Any, source: Any) -> bytes:
    """The bytes of a document as JSON.

    Raises:
        DocumentError: it contains itself, or half of a surrogate pair.
    """
    try:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError, TypeError) as error:
        raise DocumentError(f"The document {source} cannot be written as JSON: {error}.") from None


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """``$XDG_CACHE_HOME/parley``, else ``~/.cache/parley``; None when there is no home."""
    base = environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "parley"
    except RuntimeError:
        return None


def _read(path: Path, cache: Path | None) -> tuple[bytes, bytes]:
    """The bytes of a file, and the same as JSON."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"The document {path} cannot be read: {error.strerror}.") from None
    if path.suffix == ".json":
        try:
            return raw, to_json(json.loads(raw), path)
        except ValueError as error:
            raise DocumentError(f"The document {path} is not valid JSON: {error}.") from None
    kept = _Kept(cache or cache_folder(), sha256(_FORM + raw).hexdigest())
    text = kept.read()
    if text is None:
        try:
            text = to_json(yaml.load(raw, Loader=_Loader), path)
        except (yaml.YAMLError, ValueError) as error:
            raise DocumentError(f"The document {path} is not valid YAML: {error}") from None
        kept.write(text)
    return raw, text


def _object(path: Path, text: bytes) -> Json:
    try:
        # Strings that stand there twice are one object in memory.
        content = jiter.from_json(text, cache_mode="all")
    except ValueError as error:
        raise DocumentError(f"The document {path} cannot be read: {error}.") from None
    if not isinstance(content, dict):
        raise DocumentError(f"The document {path} is not an object at its top level.")
    return content


class _Kept:
    """The place of one parsed file. A folder that others may write to is not believed, and one that cannot be
    written is done without."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self.folder = folder
        self.name = f"{name}.json"

    def read(self) -> bytes | None:
        try:
            if self.folder is None or not _own(self.folder):
                return None
            return (self.folder / self.name).read_bytes()
        except OSError:
            return None

    def write(self, text: bytes) -> None:
        if self.folder is None:
            return
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _own(self.folder):
                return
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", delete=False) as file:
                file.write(text)
            os.replace(file.name, self.folder / self.name)
            kept = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
            for path in kept[:-_MOST_KEPT]:
                path.unlink(missing_ok=True)


def _own(folder: Path) -> bool:
    status = folder.stat()
    return status.st_mode & 0o022 == 0 and (not hasattr(os, "geteuid") or status.st_uid == os.geteuid())


class _Bundle:
    """Puts the files that a document refers to into it, below `FILES`, and turns the references to them inward."""

    def __init__(self, root: Path, cache: Path | None) -> None:
        self.files = [root]
        self._cache = cache
        self._root = root.resolve()
        self._folder = self._root.parent
        self._parts: dict[Path, Any] = {}
        self._left: list[tuple[Path, str]] = []

    def put_together(self, content: Json) -> Json:
        """The document with all that it refers to."""
        whole: Json = self._turned(content, self._root, "")
        parts: Json = {}
        while self._left:
            path, name = self._left.pop()
            parts[name] = self._turned(self._parts[path], path, f"/{FILES}/{escape(name)}")
        return {**whole, FILES: dict(sorted(parts.items()))} if parts else whole

    def _turned(self, content: Any, path: Path, at: str) -> Any:
        def visit(node: Json) -> Json:
            reference = node.get("$ref")
            if isinstance(reference, str):
                node["$ref"] = self._inward(reference, path, at)
            discriminator = node.get("discriminator")
            if isinstance(discriminator, dict) and isinstance(discriminator.get("mapping"), dict):
                mapping = {
                    value: self._inward(target, path, at) if isinstance(target, str) and "/" in target else target
                    for value, target in discriminator["mapping"].items()
                }
                node["discriminator"] = {**discriminator, "mapping": mapping}
            return node

        return transform(content, visit)

    def _inward(self, reference: str, path: Path, at: str) -> str:
        file, _, fragment = reference.partition("#")
        if not file:
            return f"#{at}{fragment}" if at and (not fragment or fragment.startswith("/")) else reference
        parts = urlsplit(file)
        if parts.scheme or parts.netloc or file.startswith("/"):
            raise DocumentError(
                f"{path}: the reference {reference} leaves the document; only files in its folder are read."
            )
        target = (path.parent / unquote(file)).resolve()
        if target == self._root:
            return f"#{fragment}"
        if not target.is_relative_to(self._folder) or target.suffix not in _SUFFIXES:
            raise DocumentError(
                f"{path}: the reference {reference} leaves the document; only YAML and JSON files in its folder, "
                f"{self._folder}, are read."
            )
        name = target.relative_to(self._folder).as_posix()
        if target not in self._parts:
            self._parts[target] = jiter.from_json(_read(target, self._cache)[1])
            self._left.append((target, name))
            self.files.append(target)
        return f"#/{FILES}/{escape(name)}{fragment}"


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML with the types of JSON only: a date in a document is a string, and so is ``on``."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
    ("tag:yaml.org,2002:merge", r"^(?:<<)$", ["<"]),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


# PyYAML reads 010 as octal, as YAML 1.1 has it; JSON and YAML 1.2 do not.
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))
