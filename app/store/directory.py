"""The directory of clients of a server with a database: the configured keys, and those of the database.

What the database says of a key, known or unknown, is remembered for some seconds. Lookups of one key share one read,
and keys that are looked up while a read is running share the next one, so that many wrong keys cost little. A key that
is wrong, revoked or expired takes the same path and time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from ..accounts import Client
from ..errors import StoreUnavailable
from ..limits.limits import Limits
from .database import Database, unavailable
from .definitions import Definitions
from .lookup import Found, look_up

log = logging.getLogger("parley")

# Keys that are remembered, and as many wrong ones beside them; keys that may wait for a read.
_REMEMBERED = 10_000
_WAITING = 10_000
# Keys that are looked up in one statement.
_BATCH = 500
# Seconds that a request waits for the database, with a key that is known and with another one; for which a known client
# is served on while the database is away; and between two reads while it is.
_PATIENCE_KNOWN = 2.0
_PATIENCE = 5.0
_GRACE = 60.0
_PAUSE = 0.5


class Configured(Protocol):
    """The keys from the settings and from the file of keys."""

    def find_digest(self, digest: bytes) -> Client | None:
        """Return the client of the key with a SHA-256 digest, or None."""


@dataclass(slots=True)
class _Known:
    """``found`` is what was read ``at`` a time by the monotonic clock."""

    found: Found
    at: float


class Directory:
    """Finds clients by their keys. What the database says holds for ``seconds``. It belongs to one event loop."""

    def __init__(self, database: Database, configured: Configured, seconds: float) -> None:
        self._database = database
        self._configured = configured
        self._seconds = seconds
        self._definitions = Definitions(database, seconds)
        # Apart from each other: many wrong keys do not displace the others. The oldest come first.
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._wrong: OrderedDict[bytes, float] = OrderedDict()
        self._waiting: dict[bytes, asyncio.Future[Client | None]] = {}
        self._wanted: list[bytes] = []
        self._reader: asyncio.Task[None] | None = None
        self._away = False
        # Configured clients with their limits, for a version of the definitions.
        self._limited: dict[str, Client] = {}
        self._version = 0

    async def open(self) -> None:
        """Read the limits of models and of configured keys, and go on doing so."""
        await self._definitions.open()

    async def close(self) -> None:
        """Read no more."""
        await self._definitions.close()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})

    def model_limits(self, model_id: str) -> Limits | None:
        """Return the limits of a model, None if it has none."""
        return self._definitions.of_models.get(model_id)

    def find(self, token: str) -> Client | Coroutine[Any, Any, Client | None] | None:
        """Return the client of a key, None if no key equals the token, or a coroutine that reads that from the
        database.

        Raises:
            StoreUnavailable: the database is needed and cannot be used now. The coroutine raises it too.
        """
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        configured = self._configured.find_digest(digest)
        if configured is not None:
            return self._with_limits(configured)
        now = time.monotonic()
        known = self._known.get(digest)
        if known is not None and now - known.at < self._seconds:
            found = known.found
            if found.until is None or _is_valid(found):
                self._known.move_to_end(digest)
                return found.client
        read_at = self._wrong.get(digest)
        if read_at is not None and now - read_at < self._seconds:
            return None
        return self._ask(digest)

    async def _ask(self, digest: bytes) -> Client | None:
        reading, known = self._read(digest), self._still_known(digest)
        # While the database is away, a known client does not wait for it.
        if known is None or not self._away:
            await asyncio.wait({reading}, timeout=_PATIENCE if known is None else _PATIENCE_KNOWN)
        if reading.done() and reading.exception() is None:
            return reading.result()
        if not reading.done():
            self._miss()
        if known is None:
            raise unavailable(TimeoutError())
        return known

    def _still_known(self, digest: bytes) -> Client | None:
        """Return the client that was known before the database was away."""
        known = self._known.get(digest)
        if known is None or time.monotonic() - known.at > self._seconds + _GRACE or not _is_valid(known.found):
            return None
        return known.found.client

    def _read(self, digest: bytes) -> asyncio.Future[Client | None]:
        """Return a future for what the database says of a key."""
        if (reading := self._waiting.get(digest)) is not None:
            return reading
        reading = asyncio.get_running_loop().create_future()
        # An exception that nobody waits for any more is no fault.
        reading.add_done_callback(lambda done: done.cancelled() or done.exception())
        if len(self._waiting) >= _WAITING:
            reading.set_exception(unavailable(MemoryError()))
            return reading
        self._waiting[digest] = reading
        self._wanted.append(digest)
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_wanted())
        return reading

    async def _read_wanted(self) -> None:
        try:
            while self._wanted:
                batch, self._wanted = self._wanted[:_BATCH], self._wanted[_BATCH:]
                await self._read_batch(batch)
                if self._away:
                    await asyncio.sleep(_PAUSE)
        finally:
            self._reader = None
            # Only if this was cancelled is there a key left.
            self._fail(list(self._waiting), unavailable(TimeoutError()))

    async def _read_batch(self, batch: list[bytes]) -> None:
        at = time.monotonic()
        try:
            found = await look_up(self._database, batch)
        except StoreUnavailable as error:
            self._miss()
            self._fail(batch, error)
            return
        except Exception as error:
            # A row that this version cannot read, perhaps. It must not end the reads of other keys.
            log.exception("the keys cannot be read from the database")
            self._fail(batch, unavailable(error))
            return
        if self._away:
            self._away = False
            log.info("the keys can be read from the database again")
        for digest in batch:
            self._remember(digest, found.get(digest), at)
            self._waiting.pop(digest).set_result(found[digest].client if digest in found else None)

    def _miss(self) -> None:
        if not self._away:
            self._away = True
            log.error("the keys cannot be read from the database: those that were used lately go on for a minute")

    def _fail(self, digests: list[bytes], error: StoreUnavailable) -> None:
        for digest in digests:
            self._waiting.pop(digest).set_exception(error)

    def _remember(self, digest: bytes, found: Found | None, at: float) -> None:
        self._known.pop(digest, None)
        self._wrong.pop(digest, None)
        if found is not None:
            self._known[digest] = _Known(found, at)
        else:
            self._wrong[digest] = at
        for remembered in (self._known, self._wrong):
            if len(remembered) > _REMEMBERED:
                remembered.popitem(last=False)

    def _with_limits(self, client: Client) -> Client:
        definitions = self._definitions
        if self._version != definitions.version:
            self._version, self._limited = definitions.version, {}
        if (limited := self._limited.get(client.name)) is None:
            limited = Client(
                client.name,
                client.project,
                client.models,
                definitions.of_keys.get(client.name),
                definitions.of_default_project,
            )
            self._limited[client.name] = limited
        return limited


def _is_valid(found: Found) -> bool:
    return found.until is None or found.until > time.time()
