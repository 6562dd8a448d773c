"""Makes connections: names become addresses, which are tried as "Happy Eyeballs" (RFC 8305) has it, then TLS begins."""

from __future__ import annotations

import asyncio
import errno
import functools
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from aiohappyeyeballs import start_connection
from aiohappyeyeballs.types import AddrInfoType

from .errors import NotConnected
from .request import Origin

_P = TypeVar("_P", bound=asyncio.BaseProtocol)

# Seconds for which the addresses of a name are used.
_NAME_HOLDS = 30.0

# Seconds after which the next address of a name is tried as well.
_NEXT_ADDRESS = 0.25


class Names:
    """The addresses of names. Who asks for the same name shares an answer for a while; each gets another address
    first."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._found: dict[Origin, tuple[float, asyncio.Task[list[AddrInfoType]]]] = {}
        self._turns: dict[Origin, int] = {}

    async def of(self, origin: Origin) -> list[AddrInfoType]:
        """Return the addresses of a host.

        Raises:
            OSError: there are none (`socket.gaierror`).
        """
        now = self._loop.time()
        until, task = self._found.get(origin, (0.0, None))
        if task is None or until < now or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._loop.create_task(self._look_up(origin))
            task.add_done_callback(_note)
            self._found[origin] = now + _NAME_HOLDS, task
        found = await asyncio.shield(task)
        turn = self._turns[origin] = (self._turns.get(origin, -1) + 1) % len(found)
        return found[turn:] + found[:turn]

    async def _look_up(self, origin: Origin) -> list[AddrInfoType]:
        flags = socket.AI_NUMERICHOST if _is_address(origin.host) else socket.AI_ADDRCONFIG
        found = await self._loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM, flags=flags)
        return [(family, kind, number, name, place) for family, kind, number, name, place in found]


async def connect(loop: asyncio.AbstractEventLoop, names: Names, origin: Origin, make: Callable[[], _P]) -> _P:
    """Return the protocol that ``make`` makes, connected to a server on the network.

    Raises:
        NotConnected: there is no such server, it cannot be reached, or is not the one that it should be.
    """
    try:
        infos = await names.of(origin)
    except (OSError, UnicodeError):  # UnicodeError for a name that cannot be one
        raise NotConnected("its name has no address") from None
    try:
        context = await asyncio.to_thread(_tls) if origin.tls else None
        sock = await start_connection(infos, happy_eyeballs_delay=_NEXT_ADDRESS, loop=loop)
        try:
            server = origin.host.rstrip(".") if context is not None else None
            _, protocol = await loop.create_connection(make, sock=sock, ssl=context, server_hostname=server)
        except BaseException:
            sock.close()
            raise
    except ssl.SSLError:
        raise NotConnected("no TLS connection: certificate or protocol", untrusted=True) from None
    except OSError as error:
        raise _not_connected(error) from None
    return protocol


async def connect_to_socket(loop: asyncio.AbstractEventLoop, path: str, make: Callable[[], _P]) -> _P:
    """As `connect`, to a server that listens on a unix socket."""
    try:
        _, protocol = await loop.create_unix_connection(make, path)
    except OSError as error:
        raise _not_connected(error) from None
    return protocol


def _not_connected(error: OSError) -> NotConnected:
    return NotConnected(f"no connection: {errno.errorcode.get(error.errno or 0, 'unknown')}")


@functools.cache
def _tls() -> ssl.SSLContext:
    """With the system's roots. Reading them takes some 20 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _note(task: asyncio.Task[list[AddrInfoType]]) -> None:
    """Who asked may have gone: then nobody else would look at the exception."""
    if not task.cancelled():
        task.exception()
