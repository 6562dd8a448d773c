"""Caches parsed documents as JSON in a folder of the user: a large YAML document takes a second to parse, its JSON a
hundredth of that."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

# Change this when the same file would be parsed to a different result.
_FORM = b"2"
_MOST_KEPT = 32


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return ``$XDG_CACHE_HOME/parley``, else ``~/.cache/parley``; None when there is no home. A relative path is
    ignored, as the XDG Base Directory Specification requires."""
    base = environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "parley"
    except RuntimeError:
        return None


class Kept:
    """The cache entry for the JSON of one file, whose bytes are ``raw``.

    A folder that other users may write to is not trusted, nor is a file whose digest does not match. If the folder
    cannot be written, nothing is cached.
    """

    def __init__(self, folder: Path | None, raw: bytes) -> None:
        self.folder = folder
        self.name = f"{sha256(_FORM + raw).hexdigest()}.json"

    def read(self) -> bytes | None:
        """Return the cached JSON, or None."""
        try:
            if self.folder is None or not _own(self.folder):
                return None
            digest, _, text = (self.folder / self.name).read_bytes().partition(b"\n")
        except OSError:
            return None
        return text if digest == _digest(text) else None

    def write(self, text: bytes) -> None:
        """Cache the JSON, if possible."""
        if self.folder is None:
            return
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _own(self.folder):
                return
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", delete=False) as file:
                file.write(_digest(text) + b"\n" + text)
            try:
                os.replace(file.name, self.folder / self.name)
            except OSError:
                os.unlink(file.name)
            kept = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
            for path in kept[:-_MOST_KEPT]:
                path.unlink(missing_ok=True)


def _digest(text: bytes) -> bytes:
    return sha256(text).hexdigest().encode()


def _own(folder: Path) -> bool:
    status = folder.stat()
    return status.st_mode & 0o022 == 0 and (not hasattr(os, "geteuid") or status.st_uid == os.geteuid())
