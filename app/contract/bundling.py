"""Bundles an OpenAPI document and the files that it refers to into one document.

The other files are placed below `FILES`, by their paths relative to the folder of the document, and every reference is
rewritten to lead there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..jsontypes import Json
from .pointers import pointer_to, reference_to
from .structure import FILES, transform

SUFFIXES = (".yaml", ".yml", ".json")

# A file, by its path below the folder of the document, and the fragment of a reference into it, as written.
Target = tuple[str, str]


class OutsideReference(Exception):
    """A reference to something that is never read. ``reason``: it names a ``server``, a file outside the ``folder``, or
    a file of another ``kind`` than YAML and JSON."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def locate(folder: Path, file: str, reference: str) -> Target:
    """Return the target of a reference in a file. ``folder`` is the document's folder, without symbolic links in its
    path.

    Raises:
        OutsideReference: the reference leads to a file that is not read, or to no file.
    """
    parts = urlsplit(reference)
    if parts.scheme or parts.netloc:
        raise OutsideReference("server")
    if not parts.path:
        return file, parts.fragment
    target = (folder / file).parent.joinpath(unquote(parts.path)).resolve()
    if parts.path.startswith("/") or not target.is_relative_to(folder):
        raise OutsideReference("folder")
    if target.suffix not in SUFFIXES:
        raise OutsideReference("kind")
    return target.relative_to(folder).as_posix(), parts.fragment


def is_schema_name(text: str) -> bool:
    """Whether a value in the mapping of a discriminator is the name of a schema, not a reference to one."""
    return "/" not in text and "#" not in text and not text.endswith(SUFFIXES)


def turn_discriminator(node: Json, turn: Callable[[str], str | None]) -> None:
    """Replace the references in the discriminator of a schema by the results of ``turn``; None keeps a reference."""
    discriminator = node.get("discriminator")
    if not isinstance(discriminator, dict):
        return

    def turned(meant: object) -> object:
        return meant if not isinstance(meant, str) or is_schema_name(meant) else turn(meant) or meant

    changed = dict(discriminator)
    if isinstance(discriminator.get("mapping"), dict):
        changed["mapping"] = {value: turned(meant) for value, meant in discriminator["mapping"].items()}
    if "defaultMapping" in discriminator:
        changed["defaultMapping"] = turned(discriminator["defaultMapping"])
    node["discriminator"] = changed


def file_pointer(file: str, entry: str) -> str:
    """Return the pointer of a file in the bundle whose main file is ``entry``."""
    return "" if file == entry else pointer_to(FILES, file)


def bundle(
    entry: str,
    read: Callable[[str], Any],
    target: Callable[[str, str], Target | None],
    others: Iterable[str] = (),
) -> Json:
    """Return the document in the file ``entry``, bundled with all files that it refers to and with ``others``.

    ``read`` returns the content of a file, or None if references to it cannot be resolved. ``target`` returns where a
    reference (its second argument) in a file (its first) leads, or None to remove the reference. Their exceptions are
    propagated.
    """
    parts: Json = {}
    left = [entry, *others]

    def turn(file: str, reference: str) -> str | None:
        found = target(file, reference)
        if found is None:
            return None
        name, fragment = found
        if fragment and not fragment.startswith("/") and name == file:
            return reference  # an anchor
        left.append(name)
        return f"{reference_to(file_pointer(name, entry))}{fragment}"

    for file in left:  # the list grows during the loop
        if file not in parts and ((content := read(file)) is not None or file == entry):
            parts[file] = _turned(content, partial(turn, file))
    whole: Json = parts.pop(entry)
    return {**whole, FILES: dict(sorted(parts.items()))} if parts else whole


def _turned(content: object, turn: Callable[[str], str | None]) -> Any:
    """Return a copy of a file's content with its references rewritten."""

    def visit(node: Json) -> Json:
        if isinstance(node.get("$ref"), str):
            node["$ref"] = turn(node["$ref"])
            if node["$ref"] is None:
                del node["$ref"]
        turn_discriminator(node, turn)
        return node

    return transform(content, visit)
