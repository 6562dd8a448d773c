"""What a worker of a server with a database shares: the database itself, and the directory of clients."""

from __future__ import annotations

from .address import Address
from .database import Database
from .directory import Configured, Directory


class Store:
    """The database of a worker. ``configured`` are the keys from the settings, ``key_cache`` the seconds for which what
    the database says of keys and limits holds. It belongs to one event loop."""

    def __init__(self, address: Address, configured: Configured, key_cache: float) -> None:
        self.database = Database(address)
        self.directory = Directory(self.database, configured, key_cache)

    async def open(self) -> None:
        """Prepare before the first request. It waits some seconds at most if the database is away."""
        await self.directory.open()

    async def close(self) -> None:
        """Close all connections, after the last request."""
        await self.directory.close()
        await self.database.close()
