"""Whether the schemas of a document can be used, found out before any request needs them."""

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

# Fewer are tried in less time than it takes to remember that they were.
_MANY = 200


class Trial:
    """Compiles schemas, each once, and keeps nothing of it when it goes."""

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
        """Where the schema is that the one at a pointer is a reference to: many are nothing else."""
        try:
            node = look_up(self._document.content, pointer)
        except LookupError:
            return pointer
        reference = node["$ref"] if isinstance(node, dict) and node.keys() == {"$ref"} else None
        return pointer_in(reference) if isinstance(reference, str) and reference.startswith("#/") else pointer


def try_all(document: Document, pointers: set[str], *, folder: Path | None = None) -> None:
    """Try all schemas that are served. That many are good is remembered in ``folder``; None: in the user's, see
    `cache_folder`.

    Raises:
        DocumentError: one of them cannot be used.
    """
    # In order: of several that cannot be used the same one is told at each start.
    ordered = sorted(pointers)
    if len(ordered) < _MANY:
        Trial(document).run(ordered)
        return
    remembered = Kept(folder or cache_folder(), _code() + sha256(document.json_bytes).digest())
    if remembered.read() is None:
        Trial(document).run(ordered)
        remembered.write(b"{}")


@cache
def _code() -> bytes:
    """Changes with what decides whether a schema can be used."""
    digest = sha256()
    with suppress(PackageNotFoundError):  # see `Schemas`
        digest.update(version("jsonschema-rs").encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.digest()
