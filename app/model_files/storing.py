"""Stores files: complete under their names or not at all, by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from ..errors import ConfigurationError

_PIECE = 1 << 20

# Receives progress messages, one sentence at a time.
Say = Callable[[str], None]


@contextmanager
def locked(path: Path, waits: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file, which is created and not removed. ``waits`` is called if another process holds it."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    found = sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def copy(source: IO[bytes], path: Path, most: int) -> str:
    """Copy ``source``, up to one byte more than ``most``, to a new file, and flush it to the disk. Return its
    SHA-256."""
    found = sha256()
    left = most + 1
    with path.open("xb") as file:
        while piece := source.read(min(_PIECE, left)):
            found.update(piece)
            file.write(piece)
            left -= len(piece)
        file.flush()
        os.fsync(file.fileno())
    return found.hexdigest()


def megabytes(size: int) -> str:
    """Return a number of bytes as human-readable text."""
    return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"


def not_kept(what: str, folder: Path, error: OSError) -> ConfigurationError:
    """Return the error for a file that cannot be written into a folder."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ConfigurationError(f"{what} cannot be kept in {folder}: the disk is full. Make room and try again.")
    return ConfigurationError(f"{what} cannot be kept in {folder}: {error.strerror or type(error).__name__}.")
