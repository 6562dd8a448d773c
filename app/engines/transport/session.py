"""The connections of a worker: one pool for all upstreams on the network, and one for each unix socket.

A session belongs to the event loop that it was made on; it is closed when the last that uses it lets go of it.
"""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass

import aiohttp
from aiohttp.connector import Connection


@dataclass(slots=True)
class _Shared:
    session: aiohttp.ClientSession
    users: int = 0


# Connections by which an answer came before, or was waited for.
_used: weakref.WeakSet[object] = weakref.WeakSet()


class StaleConnection(aiohttp.ServerDisconnectedError):
    """A connection that was kept from an earlier answer had ended, or ended before anything of the next came."""


class _Response(aiohttp.ClientResponse):
    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        kept = protocol in _used
        if not kept and protocol is not None:
            _used.add(protocol)
        try:
            return await super().start(connection)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if kept:
                raise StaleConnection from error
            raise

    def close(self) -> None:
        connection = self.connection
        transport = None if connection is None else connection.transport
        super().close()
        if transport is not None:
            # Not only closed: what an upstream that hangs does not take in would keep the connection for ever.
            transport.abort()


# By the path of the socket, None for the network.
_Sessions = dict[str | None, _Shared]
_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Sessions] = weakref.WeakKeyDictionary()


def acquire(socket: str | None = None) -> aiohttp.ClientSession:
    """The session of the running event loop, for the network or for a unix socket. Each call wants one of `release`."""
    sessions = _shared.setdefault(asyncio.get_running_loop(), {})
    shared = sessions.get(socket)
    if shared is None:
        shared = sessions[socket] = _Shared(_open(socket))
    shared.users += 1
    return shared.session


async def release(socket: str | None = None) -> None:
    """Let go of the session of the running event loop; the last one closes it."""
    sessions = _shared[asyncio.get_running_loop()]
    shared = sessions[socket]
    shared.users -= 1
    if not shared.users:
        del sessions[socket]
        await shared.session.close()


def _open(socket: str | None) -> aiohttp.ClientSession:
    # How many requests go out is the server's affair. Where connections are closed by the other side is seen.
    connector: aiohttp.BaseConnector
    if socket is None:
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=30, keepalive_timeout=30)
    else:
        # llama.cpp closes a connection after an answer: one that is kept would fail the next request.
        connector = aiohttp.UnixConnector(path=socket, force_close=True, limit=0)
    # aiohttp verifies certificates unless told otherwise, takes headers of 8 KiB and 128 of them at most, and inflates
    # what is compressed piece by piece.
    return aiohttp.ClientSession(
        connector=connector,
        # Clocks are ours, see `attempt`.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=_Response,
        trust_env=False,
        raise_for_status=False,
        auto_decompress=True,
    )
