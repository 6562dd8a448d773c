"""Checks whether the schemas of a document can be used, before any request needs them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .cache import Kept, cache_folder
from .document import Document
from .pointers import look_up, pointer_in
from .schemas import Schemas

# Fewer schemas are tried faster than the result is cached.
_MANY = 200

# What was tried last in this process, and could be used: a digest of the document and its schemas.
_usable = b""


class Trial:
    """Compiles schemas, each once. The results are discarded with it."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._schemas = Schemas(document)
        self._tried = set[str]()

    def run(self, pointers: Iterable[str]) -> None:
        """Try the schemas at some pointers.

        Raises:
            DocumentError: one of them cannot be used.
        """
        for pointer in pointers:
            pointer = self._meant(pointer)
            if pointer not in self._tried:
                self._schemas.compile(pointer)
                self._tried.add(pointer)

    def _meant(self, pointer: str) -> str:
        """Return the target of the schema at a pointer if it is only a reference, as many are; else the pointer."""
        try:
            node = look_up(self._document.content, pointer)
        except LookupError:
            return pointer
        reference = node["$ref"] if isinstance(node, dict) and node.keys() == {"$ref"} else None
        return pointer_in(reference) if isinstance(reference, str) and reference.startswith("#/") else pointer


def try_all(document: Document, pointers: set[str], *, folder: Path | None = None) -> None:
    """Try all schemas that are served. If there are many and all can be used, this is cached in ``folder``; None: in
    the user's cache folder, see `cache_folder`.

    Raises:
        DocumentError: one of them cannot be used.
    """
    # Sorted, so that of several unusable schemas the same one is reported at each start.
    global _usable
    ordered = sorted(pointers)
    digest = sha256(document.json_bytes).digest()
    tried = sha256(digest + "\n".join(ordered).encode()).digest()
    if tried == _usable:
        return
    remembered = Kept(folder or cache_folder(), _code() + digest) if len(ordered) >= _MANY else None
    if remembered is None or remembered.read() is None:
        Trial(document).run(ordered)
        if remembered is not None:
            remembered.write(b"{}")
    _usable = tried


@cache
def _code() -> bytes:
    """Return a digest of everything that determines whether a schema can be used."""
    digest = sha256()
    with suppress(PackageNotFoundError):  # see `Schemas`
        digest.update(version("jsonschema-rs").encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.digest()
