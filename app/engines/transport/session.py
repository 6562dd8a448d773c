"""The connections of a worker: one pool for all upstreams on the network, and one for each unix socket.

A session belongs to the event loop on which it was created. It is reference-counted: the last release closes it.
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


# Connections that have already been used for a request.
_used: weakref.WeakSet[object] = weakref.WeakSet()


class StaleConnection(aiohttp.ServerDisconnectedError):
    """A reused keep-alive connection was closed, or was closed before any part of the next answer arrived."""


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
            # Closing is not enough: data that a hanging upstream does not read would keep the connection open forever.
            transport.abort()


# Keyed by the path of the socket, None for the network.
_Sessions = dict[str | None, _Shared]
_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Sessions] = weakref.WeakKeyDictionary()


def acquire(socket: str | None = None) -> aiohttp.ClientSession:
    """Return the running event loop's session for the network or a unix socket. Each call needs one `release`."""
    sessions = _shared.setdefault(asyncio.get_running_loop(), {})
    shared = sessions.get(socket)
    if shared is None:
        shared = sessions[socket] = _Shared(_open(socket))
    shared.users += 1
    return shared.session


async def release(socket: str | None = None) -> None:
    """Release the session of the running event loop; the last release closes it."""
    sessions = _shared[asyncio.get_running_loop()]
    shared = sessions[socket]
    shared.users -= 1
    if not shared.users:
        del sessions[socket]
        await shared.session.close()


def _open(socket: str | None) -> aiohttp.ClientSession:
    # No limit here: the server limits the number of requests. Connections that the peer closed are detected on use.
    connector: aiohttp.BaseConnector
    if socket is None:
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=30, keepalive_timeout=30)
    else:
        # llama.cpp closes a connection after an answer: a reused one would fail the next request.
        connector = aiohttp.UnixConnector(path=socket, force_close=True, limit=0)
    # aiohttp's defaults: it verifies certificates, accepts at most 128 headers of at most 8 KiB, and decompresses in
    # chunks.
    return aiohttp.ClientSession(
        connector=connector,
        # We apply our own timeouts, see `attempt`.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=_Response,
        trust_env=False,
        raise_for_status=False,
        auto_decompress=True,
    )
