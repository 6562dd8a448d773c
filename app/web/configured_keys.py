"""The keys of the settings and of the file of keys, which is read again when it changes."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from ..accounts import Client
from ..errors import ConfigurationError
from ..settings import Settings
from .keys import KeyRing, digest_of, load_keys

log = logging.getLogger("parley")

# Seconds between two looks at the file.
_PAUSE = 1.0

# What changes when a file is written or replaced; None: there is no file.
_Stamp = tuple[int, int, int, int] | None


class ConfiguredKeys:
    """A directory of the configured keys. ``others``: there are keys elsewhere, so none is generated.

    The file is looked at when a key is looked up, once a second at most. While it cannot be used, the keys that it had
    before stay in force.

    Raises:
        ConfigurationError: as `load_keys`.
    """

    def __init__(self, settings: Settings, *, others: bool = False) -> None:
        self._settings = settings
        self._others = others
        self._file = settings.api_keys_file
        # Always taken before the file is read: what is written in between is seen as a change.
        self._stamp = _stamp_of(self._file)
        self._next_look = time.monotonic() + _PAUSE
        self.ring = load_keys(settings, others=others)
        self._clients = _clients_of(self.ring)

    def find(self, token: str) -> Client | None:
        """Return the client of a key, or None."""
        return self.find_digest(digest_of(token))

    def find_digest(self, digest: bytes) -> Client | None:
        """As `find`, for a token's digest."""
        if self._file is not None and time.monotonic() >= self._next_look:
            self._look()
        name = self.ring.find_digest(digest)
        return self._clients[name] if name is not None else None

    def _look(self) -> None:
        self._next_look = time.monotonic() + _PAUSE
        stamp = _stamp_of(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.ring = load_keys(self._settings, others=self._others)
        except ConfigurationError as error:
            log.error("the keys that were read before stay in force: %s", error)
            return
        self._clients = _clients_of(self.ring)
        log.info("the file of API keys has changed: %d keys are in force", len(self.ring.digests))


def _clients_of(ring: KeyRing) -> dict[str, Client]:
    return {name: Client(name) for name in ring.names}


def _stamp_of(path: Path | None) -> _Stamp:
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
