"""The operators' keys: a file with a name and the SHA-256 of a secret on each line. They open the operators' API and
nothing else."""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import logging
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from ..accounts import Client
from ..errors import ConfigurationError
from ..settings import Settings, state_folder

log = logging.getLogger("parley")

_FILE = "admin-keys"
_BEGINNING = "sk-parley-admin-"
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_LINE = re.compile(rf"({_NAME.pattern})[ \t]+([0-9a-f]{{64}})")

HINT = "Create one with `parley admin keys create NAME`."

Stamp = tuple[int, int, int] | None


class OperatorKeys:
    """The keys of a file, which is read again when it has changed. A missing file has no key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: Stamp = None
        self._digests: tuple[tuple[str, bytes], ...] = ()
        self._told = False

    def find(self, token: str) -> Client | None:
        """Return the operator whose key equals a token, None if there is none. All keys are compared, each in constant
        time."""
        self._refresh()
        given = sha256(token.encode("utf-8", "surrogatepass")).digest()
        found = None
        for name, digest in self._digests:
            if hmac.compare_digest(digest, given):
                found = name
        if not self._digests and not self._told:
            self._told = True
            log.warning("%s", no_key(self.path))
        return None if found is None else Client(found)

    def _refresh(self) -> None:
        stamp = _stamp(self.path)
        changed = stamp != self._stamp
        if not changed and stamp is not None:
            return
        # What is wrong is told once.
        self._told = self._told and not changed
        try:
            read = read_keys(self.path)
        except ConfigurationError as error:
            read = {}
            if not self._told:
                self._told = True
                log.error("%s Until then no key opens the operators' API.", error)
        self._digests = tuple((name, bytes.fromhex(digest)) for name, digest in read.items())
        self._stamp = stamp


def no_key(path: Path) -> str:
    """Return the sentence for a file that has no key."""
    return f"No key opens the operators' API: {path} has none. {HINT}"


def key_file(settings: Settings) -> Path:
    """Return the path of the operators' keys, which need not exist."""
    return settings.admin_keys_file if settings.admin_keys_file is not None else state_folder(settings) / _FILE


def read_keys(path: Path) -> Mapping[str, str]:
    """Return the digests of the keys in a file, as hexadecimal digits, by name. A missing file has none.

    Raises:
        ConfigurationError: it cannot be read, others may write to it, or a line is not a name and a digest.
    """
    return _parsed(_read(path), path)


def _read(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(f"The file of operators' keys {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"The file of operators' keys {path} is not text.") from None
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigurationError(
            f"Others may write to the file of operators' keys {path}, and so make themselves operators. Change its "
            "mode with chmod 600."
        )
    return lines


def _parsed(lines: Iterable[str], path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None or match[1] in found:
            what = "has a name that has been used before" if match else "is not a name and the SHA-256 of a secret"
            raise ConfigurationError(f"Line {number} of the file of operators' keys {path} {what}.")
        found[match[1]] = match[2]
    return found


def create_key(path: Path, name: str) -> str:
    """Add a key to a file, and return its secret, which is nowhere else.

    Raises:
        ConfigurationError: the name cannot be one or is in use, or the file cannot be read or written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            "The name of an operator's key has 1 to 64 characters, which are letters, digits and ._@- of ASCII."
        )
    secret = _BEGINNING + secrets.token_urlsafe(32)
    with _changing(path) as lines:
        if name in _parsed(lines, path):
            raise ConfigurationError("There is an operator's key of this name already. Revoke it first.")
        lines.append(f"{name} {sha256(secret.encode()).hexdigest()}")
    return secret


def revoke_key(path: Path, name: str) -> None:
    """Remove a key from a file.

    Raises:
        ConfigurationError: there is no key of this name, or the file cannot be read or written.
    """
    with _changing(path) as lines:
        if name not in _parsed(lines, path):
            raise ConfigurationError("There is no operator's key of this name.")
        lines[:] = [line for line in lines if line.split()[:1] != [name]]


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[list[str]]:
    """The lines of a file, which is replaced at the end and is readable by its owner only. Others wait meanwhile."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            lines = _read(path)
            yield lines
            _replace(path, "".join(f"{line}\n" for line in lines))
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigurationError(f"The file of operators' keys {path} cannot be written: {error.strerror}.") from None


def _replace(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ctime_ns, status.st_size, status.st_ino
