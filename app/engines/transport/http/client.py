"""Sends requests, and keeps connections for the next ones."""

from __future__ import annotations

import asyncio

from .answer import Answer, Times
from .connecting import Names, connect, connect_to_socket
from .connection import AT_ONCE, Connection
from .errors import Late, NotConnected, Stale
from .request import Fields, Origin, Target, head

# Seconds for which a connection that is not used is kept.
_KEPT = 30.0

_MOST_STALE = 4  # stale connections in a row


class Client:
    """The connections of an event loop to servers on the network; with ``socket``, the path of a unix socket, all lead
    there, and none is kept: llama.cpp closes a connection after an answer. Their number has no limit."""

    def __init__(self, socket: str | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket
        self._names = Names(self._loop)
        self._buffer = bytearray(AT_ONCE)
        self._all: set[Connection] = set()
        # By their origin, in the order in which they became free.
        self._free: dict[Origin, list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def request(self, target: Target, fields: Fields, body: bytes | None, times: Times) -> Answer:
        """Send a request, POST if it has a body and GET if not, and return its answer once its head is there.

        Servers close connections that they promised to keep. A request that was sent on such a connection is sent again
        on another.

        Raises:
            HttpError: there is no connection, it fails, or the answer is invalid or late.
        """
        sent = head(target, fields, body)
        stale = 0
        while True:
            connection = self._kept(target.origin) or await self._connect(target.origin, times)
            answer = connection.ask(sent, body, times)
            try:
                await answer.head()
                return answer
            except Stale:
                stale += 1
                if stale == _MOST_STALE:
                    raise
            except BaseException:
                answer.close()
                raise

    def close(self) -> None:
        """Close all connections, also those that are used."""
        if self._sweep is not None:
            self._sweep.cancel()
        self._free.clear()
        for connection in list(self._all):
            connection.close()

    def _kept(self, origin: Origin) -> Connection | None:
        free = self._free.get(origin)
        while free:
            connection = free.pop()
            if connection.open:
                return connection
        return None

    async def _connect(self, origin: Origin, times: Times) -> Connection:
        def make() -> Connection:
            return Connection(self._loop, self._buffer, free, self._all.discard)

        def free(connection: Connection) -> None:
            self._keep(origin, connection)

        until = min(times.connected, times.begun, times.complete)
        try:
            async with asyncio.timeout_at(until):
                if self._socket is not None:
                    connection = await connect_to_socket(self._loop, self._socket, make)
                else:
                    connection = await connect(self._loop, self._names, origin, make)
        except TimeoutError:
            if until < times.connected:
                raise Late("the answer is late") from None
            raise NotConnected("no connection in time") from None
        if connection.open:
            self._all.add(connection)
        return connection

    def _keep(self, origin: Origin, connection: Connection) -> None:
        if self._socket is not None:
            connection.abort()
            return
        connection.since = self._loop.time()
        self._free.setdefault(origin, []).append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(_KEPT, self._close_unused)

    def _close_unused(self) -> None:
        """Close the connections that have not been used for long."""
        last = self._loop.time() - _KEPT
        oldest: float | None = None
        for origin, free in list(self._free.items()):
            kept = [connection for connection in free if connection.open and connection.since > last]
            for connection in free:
                if connection.open and connection.since <= last:
                    connection.abort()
            free[:] = kept
            if not kept:
                del self._free[origin]
            else:
                oldest = min(oldest or kept[0].since, kept[0].since)
        self._sweep = None if oldest is None else self._loop.call_at(oldest + _KEPT, self._close_unused)
