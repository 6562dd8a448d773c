"""The configured API keys: held as SHA-256 digests, identified by a short name, generated if there is no other key."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import tempfile
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from ..accounts import Client
from ..errors import ConfigurationError
from ..settings import Settings, is_key, state_folder

_KEY_FILE = "api-key"


class Directory(Protocol):
    """Finds the client that a key belongs to."""

    def find(self, token: str) -> Client | Coroutine[Any, Any, Client | None] | None:
        """Return the client of a key, None if no key equals the token, or a coroutine that does so if it is not known
        yet.

        Raises:
            ApiError: it cannot be found out now.
        """


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Digests of all keys that the server accepts. ``generated`` is the key that the server generated, if any: the only
    one that is ever shown."""

    digests: tuple[bytes, ...]
    generated: str | None = None

    @classmethod
    def of(cls, keys: Iterable[str], generated: str | None = None) -> KeyRing:
        unique = dict.fromkeys(keys)
        return cls(tuple(sha256(key.encode()).digest() for key in unique), generated)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the short names, in the order of the keys."""
        return tuple(digest.hex()[:8] for digest in self.digests)

    def find(self, token: str) -> str | None:
        """Return the short name of the key that equals a token, or None.

        The time does not depend on which key it is, or whether it is one: all digests are compared, each in constant
        time.
        """
        return self.find_digest(digest_of(token))

    def find_digest(self, given: bytes) -> str | None:
        """As `find`, for a token's digest."""
        found = None
        for digest in self.digests:
            if hmac.compare_digest(digest, given):
                found = digest.hex()[:8]
        return found


def digest_of(token: str) -> bytes:
    """Return the digest by which keys are compared. A header may contain any bytes, so a token any characters."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def load_keys(settings: Settings, *, others: bool = False) -> KeyRing:
    """Return the configured keys; if there are none, the generated one, made at the first call on this machine.
    ``others``: there are keys elsewhere, so none is generated.

    Raises:
        ConfigurationError: the key file cannot be read or holds no key, or no key can be stored.
    """
    keys = list(settings.api_keys)
    if settings.api_keys_file is not None:
        keys += _read_file(settings.api_keys_file)
    for key in keys:
        if not is_key(key):
            raise ConfigurationError("An API key may hold printable ASCII characters only, and no spaces.")
    if keys or others:
        return KeyRing.of(keys)
    generated = _generated_key(state_folder(settings))
    return KeyRing.of([generated], generated)


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only: loopback, or the path of a unix socket. An empty
    address means all addresses."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost" or "/" in host


def _read_file(path: Path) -> list[str]:
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise ConfigurationError(f"The file of API keys {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"The file of API keys {path} is not text.") from None
    keys = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    if not keys:
        raise ConfigurationError(f"The file of API keys {path} holds no key; write one on a line of its own.")
    return keys


def _generated_key(folder: Path) -> str:
    path = folder / _KEY_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create_once(path, f"sk-parley-{secrets.token_urlsafe(32)}\n")
        key = path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(
            f"No API key is configured and none can be stored at {path}: {error.strerror}. "
            "Set PARLEY_API_KEYS, PARLEY_API_KEYS_FILE or PARLEY_STATE_DIR."
        ) from None
    if not key:
        raise ConfigurationError(f"The generated API key at {path} is empty; delete the file to get a new one.")
    return key


def _create_once(path: Path, text: str) -> None:
    """Create a file atomically, readable by its owner only. An existing file is never replaced."""
    # mkstemp opens with O_CREAT|O_EXCL and mode 0600; the link fails if another process was first.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        os.unlink(temporary)
