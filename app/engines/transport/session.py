"""The connections of a worker: one client for all upstreams on the network, and one for each unix socket.

A client belongs to the event loop on which it was created. It is reference-counted: the last release closes it.
"""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass

from .http.client import Client


@dataclass(slots=True)
class _Shared:
    client: Client
    users: int = 0


# Keyed by the path of the socket, None for the network.
_Clients = dict[str | None, _Shared]
_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Clients] = weakref.WeakKeyDictionary()


def acquire(socket: str | None = None) -> Client:
    """Return the running event loop's client for the network or a unix socket. Each call needs one `release`."""
    clients = _shared.setdefault(asyncio.get_running_loop(), {})
    shared = clients.get(socket)
    if shared is None:
        shared = clients[socket] = _Shared(Client(socket))
    shared.users += 1
    return shared.client


def release(socket: str | None = None) -> None:
    """Release the client of the running event loop; the last release closes it."""
    clients = _shared[asyncio.get_running_loop()]
    shared = clients[socket]
    shared.users -= 1
    if not shared.users:
        del clients[socket]
        shared.client.close()
