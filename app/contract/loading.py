"""Reads an OpenAPI document from one or more YAML or JSON files, with the types of JSON, as one document.

References to files in the document's folder are followed; all other external references are rejected.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import jiter
import yaml

from ..errors import DocumentError
from ..jsontypes import Json
from .bundling import OutsideReference, Target, bundle, locate
from .cache import Kept, cache_folder
from .lifting import lift
from .pointers import pointer_to, reference_to
from .uris import Uris
from .yaml_json import YamlLoader, refuse_bombs

# Lists documents in the same folder whose paths and tags are served together with those of this one.
BESIDE = "x-parley-beside"
# Size in bytes. Smaller JSON files are parsed faster than the cache is looked up.
_LARGE_JSON = 1 << 20
_OUTWARD = re.compile(rb'"\$ref":"(?!#)|"(?:mapping":\{|defaultMapping":")[^}]*\.(?:ya?ml|json)')


log = logging.getLogger("parley")

# The document that is kept in memory, by its path and leniency, with the digests of its files.
_kept: dict[tuple[Path, bool], tuple[Loaded, list[bytes] | None]] = {}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as written, or bundled from several files. ``yaml`` is what is served as YAML. ``files`` are all files
    that it was read from, the main one first."""

    content: Json
    json: bytes
    yaml: bytes
    files: tuple[Path, ...]


def load(path: Path, *, cache: Path | None = None, keep: bool = False, lenient: bool = False) -> Loaded:
    """Read a document. ``cache`` is the folder for parsed files; None: the user's, see `cache_folder`. ``keep``: keep
    the document in memory and return it from later calls, in this process and its forks, until one of its files
    changes. ``lenient``: references to missing files are dropped instead of raising an error.

    Raises:
        DocumentError: a file cannot be read, is not valid, or refers to a file outside the document's folder.
    """
    if not keep and (kept := _kept.get((path, lenient))) is not None and _digests(kept[0].files) == kept[1]:
        return kept[0]
    loaded = _load(path, cache, lenient)
    if keep:
        _kept.clear()
        _kept[path, lenient] = loaded, _digests(loaded.files)
    return loaded


def _digests(files: Iterable[Path]) -> list[bytes] | None:
    """Return the digests of files, to detect changes; None if one cannot be read."""
    try:
        return [sha256(file.read_bytes()).digest() for file in files]
    except OSError:
        return None


def _load(path: Path, cache: Path | None, lenient: bool) -> Loaded:
    raw, text = _read(path, cache)
    content = _object(path, text)
    beside = _beside(content, path)
    root = path.resolve()
    uris = Uris(root.name)
    uris.add(root.name, content)
    if not beside and "$self" not in content and not _OUTWARD.search(text):
        return Loaded(content, text, raw if path.suffix != ".json" else text, (path,))
    files = [path]
    known: dict[str, Any] = {root.name: content}

    def read(file: str) -> Any:
        if file not in known and lenient and not (root.parent / file).exists():
            log.warning("%s refers to %s, which does not exist", path, file)
            known[file] = None
        if file not in known:
            files.append(root.parent / file)
            known[file] = jiter.from_json(_read(files[-1], cache)[1])
            uris.add(file, known[file])
        return known[file]

    try:
        for file in beside:
            _add(content, file, read(file))
        whole = lift(bundle(root.name, read, partial(_target, root.parent, uris)))
    except DocumentError as error:
        error.files = tuple(files)
        raise
    if len(files) > 1 or "$self" in content:
        # JSON is valid YAML 1.2: a document that was never written as one file is served as JSON.
        raw = text = to_json(whole, path)
    return Loaded(whole, text, raw if path.suffix != ".json" else text, tuple(files))


def _beside(content: Json, path: Path) -> list[str]:
    """Return the file names of the documents to serve together with this one, as far as they exist in its folder."""
    named = content.pop(BESIDE, None)
    names = named if isinstance(named, list) else []
    return [name for name in names if Path(str(name)).name == name and path.with_name(name).exists()]


def _add(content: Json, file: str, other: object) -> None:
    """Add the tags of another document in the same folder, and those of its paths that the document does not have."""
    if not isinstance(other, dict):
        return
    paths = content.setdefault("paths", {})
    for path in other.get("paths") or {}:
        paths.setdefault(path, {"$ref": file + reference_to(pointer_to("paths", path))})
    content["tags"] = [*(content.get("tags") or []), *(other.get("tags") or [])]


def _target(folder: Path, uris: Uris, file: str, reference: str) -> Target:
    try:
        return locate(folder, file, uris.relative(file, reference))
    except OutsideReference as error:
        allowed = "files in its folder" if error.reason == "server" else f"YAML and JSON files in its folder, {folder},"
        raise DocumentError(
            f"{folder / file}: the reference {reference} leaves the document; only {allowed} are read."
        ) from None


def to_json(content: object, source: object) -> bytes:
    """Return a document as JSON bytes.

    Raises:
        DocumentError: it contains itself, or a lone surrogate.
    """
    try:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError, TypeError) as error:
        raise DocumentError(f"The document {source} cannot be written as JSON: {error}.") from None


def _read(path: Path, cache: Path | None) -> tuple[bytes, bytes]:
    """Return the bytes of a file, and its content as JSON bytes."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"The document {path} cannot be read: {error.strerror}.") from None
    write = _written_json if path.suffix == ".json" else _written_yaml
    if path.suffix == ".json" and len(raw) < _LARGE_JSON:
        return raw, write(path, raw)
    kept = Kept(cache or cache_folder(), path.suffix.encode() + raw)
    text = kept.read()
    if text is None:
        text = write(path, raw)
        kept.write(text)
    return raw, text


def _written_json(path: Path, raw: bytes) -> bytes:
    try:
        return to_json(json.loads(raw), path)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"The document {path} is not valid JSON: {error}.") from None


def _written_yaml(path: Path, raw: bytes) -> bytes:
    try:
        content = yaml.load(raw, Loader=YamlLoader)
        refuse_bombs(content, raw.decode(errors="replace"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(f"The document {path} is not valid YAML: {error}.") from None
    return to_json(content, path)


def _object(path: Path, text: bytes) -> Json:
    try:
        # Equal strings share one object in memory.
        content = jiter.from_json(text, cache_mode="all")
    except ValueError as error:
        raise DocumentError(f"The document {path} cannot be read: {error}.") from None
    if not isinstance(content, dict):
        raise DocumentError(f"The document {path} is not an object at its top level.")
    return content
