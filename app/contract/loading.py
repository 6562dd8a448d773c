"""Reads an OpenAPI document from its file or files: YAML or JSON, with the types of JSON, as one document.

References to files beside the document are followed, those to anywhere else are refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jiter
import yaml

from ..errors import DocumentError
from .cache import Kept, cache_folder
from .structure import FILES, Json, escape, transform
from .yaml_json import YamlLoader, refuse_bombs

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
    try:
        content = bundle.put_together(content)
    except DocumentError as error:
        error.files = tuple(bundle.files)
        raise
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


def _read(path: Path, cache: Path | None) -> tuple[bytes, bytes]:
    """The bytes of a file, and the same as JSON."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"The document {path} cannot be read: {error.strerror}.") from None
    if path.suffix == ".json":
        try:
            return raw, to_json(json.loads(raw), path)
        except (ValueError, RecursionError) as error:
            raise DocumentError(f"The document {path} is not valid JSON: {error}.") from None
    kept = Kept(cache or cache_folder(), raw)
    text = kept.read()
    if text is None:
        try:
            content = yaml.load(raw, Loader=YamlLoader)
            refuse_bombs(content, raw.decode(errors="replace"))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise DocumentError(f"The document {path} is not valid YAML: {error}.") from None
        text = to_json(content, path)
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
            self.files.append(target)
            self._parts[target] = jiter.from_json(_read(target, self._cache)[1])
            self._left.append((target, name))
        return f"#/{FILES}/{escape(name)}{fragment}"
