"""What a worker of a server with a database shares: the database, what writes to it, and the directory of clients."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..keeping import Keeping
from .address import Address
from .completions import StoredCompletions
from .database import Database
from .directory import Configured, Directory
from .maintenance import Maintenance, Work
from .repeats import StoredRepeats
from .writing import Writer


class Store:
    """The database of a worker. ``configured`` are the keys from the settings, ``key_cache`` the seconds for which what
    the database says of keys and limits holds. ``work`` removes old rows now and then, ``completion_days`` is for how
    long completions are kept. It belongs to one event loop."""

    def __init__(
        self,
        address: Address,
        configured: Configured,
        key_cache: float,
        work: Sequence[Work] = (),
        *,
        completion_days: int = 30,
    ) -> None:
        self.database = Database(address)
        self.writer = Writer(self.database)
        self._maintenance = Maintenance(self.database, work)
        self._maintaining: asyncio.Task[None] | None = None
        self.directory = Directory(self.database, configured, key_cache)
        self._repeats = StoredRepeats(self.database)
        self._completions = StoredCompletions(self.database, self.writer, completion_days)
        self.keeping = Keeping(self._completions, self._repeats)

    async def open(self) -> None:
        """Prepare before the first request. It waits some seconds at most if the database is away."""
        await self.directory.open()
        self._maintaining = asyncio.create_task(self._maintenance.run())

    async def close(self) -> None:
        """Write what is left and close all connections, after the last request."""
        if self._maintaining is not None:
            self._maintaining.cancel()
            await asyncio.wait({self._maintaining})
        await self._repeats.close()
        await self._completions.close()
        await self.writer.close()
        await self.directory.close()
        await self.database.close()
