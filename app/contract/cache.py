"""Parsed documents, kept as JSON in a folder of the user's own: a large one takes a second to parse, and its JSON a
hundredth of that."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

# Changes when the same file would be parsed to something else.
_FORM = b"2"
_MOST_KEPT = 32


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """``$XDG_CACHE_HOME/parley``, else ``~/.cache/parley``; None when there is no home. A relative path is ignored, as
    the XDG Base Directory Specification wants."""
    base = environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "parley"
    except RuntimeError:
        return None


class Kept:
    """The place of the JSON of one file, whose bytes are ``raw``.

    A folder that others may write to is not believed, nor a file that is not as it was written; a folder that cannot be
    written is done without.
    """

    def __init__(self, folder: Path | None, raw: bytes) -> None:
        self.folder = folder
        self.name = f"{sha256(_FORM + raw).hexdigest()}.json"

    def read(self) -> bytes | None:
        """The JSON, if it is there."""
        try:
            if self.folder is None or not _own(self.folder):
                return None
            digest, _, text = (self.folder / self.name).read_bytes().partition(b"\n")
        except OSError:
            return None
        return text if digest == _digest(text) else None

    def write(self, text: bytes) -> None:
        """Keep the JSON, if that is possible."""
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
