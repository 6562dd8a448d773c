"""One pool of connections for all upstreams of a worker.

A session belongs to the event loop that it was made on; it is closed when the last upstream lets go of it.
"""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass

import aiohttp


@dataclass(slots=True)
class _Shared:
    session: aiohttp.ClientSession
    users: int = 0


class _Response(aiohttp.ClientResponse):
    def close(self) -> None:
        connection = self.connection
        transport = None if connection is None else connection.transport
        super().close()
        if transport is not None:
            # Not only closed: what an upstream that hangs does not take in would keep the connection for ever.
            transport.abort()


_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = weakref.WeakKeyDictionary()


def acquire() -> aiohttp.ClientSession:
    """The session of the running event loop. Each call wants one of `release`."""
    loop = asyncio.get_running_loop()
    shared = _shared.get(loop)
    if shared is None:
        shared = _shared[loop] = _Shared(_open())
    shared.users += 1
    return shared.session


async def release() -> None:
    """Let go of the session of the running event loop; the last one closes it."""
    loop = asyncio.get_running_loop()
    shared = _shared[loop]
    shared.users -= 1
    if not shared.users:
        del _shared[loop]
        await shared.session.close()


def _open() -> aiohttp.ClientSession:
    # aiohttp verifies certificates unless told otherwise, takes headers of 8 KiB and 128 of them at most, and inflates
    # what is compressed piece by piece.
    return aiohttp.ClientSession(
        # How many requests go out is the server's affair. Where connections are closed by the other side is seen.
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30, keepalive_timeout=30),
        # Clocks are ours, see `attempt`.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=_Response,
        trust_env=False,
        raise_for_status=False,
        auto_decompress=True,
    )
