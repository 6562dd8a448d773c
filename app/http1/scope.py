"""The ASGI scopes of a connection's requests."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from .head import Head, Refused
from .server import Server

_VERSIONS = ("1.0", "1.1")


class Scopes:
    """Makes scopes of heads, and of what all requests of a connection have in common: its two addresses, and whether it
    is encrypted."""

    __slots__ = ("_client", "_named", "_schemes", "_secure", "_server")

    def __init__(self, server: Server, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._server = server
        self._named, self._client = _address(transport.get_extra_info("sockname")), _address(peer)
        self._schemes = server.schemes(peer)
        self._secure = transport.get_extra_info("ssl_object") is not None

    def scope(self, head: Head, extensions: dict[str, object]) -> Scope:
        """Return the scope of a request.

        Raises:
            Refused: what is said about the scheme contradicts itself.
        """
        raw_path, _, query = head.target.partition(b"?")
        path = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": _VERSIONS[head.minor],
            "method": head.method.decode("ascii"),
            "scheme": self._scheme(head),
            "path": path.decode("utf-8", "replace"),
            "raw_path": raw_path,
            "query_string": query,
            "root_path": self._server.root_path,
            "headers": head.fields,
            "server": self._named,
            "client": self._client,
            "state": self._server.state.copy(),
            "extensions": extensions,
        }

    def _scheme(self, head: Head) -> str:
        said = {value == self._schemes[name] for name, value in head.fields if name in self._schemes}
        if len(said) > 1:
            raise Refused(400)
        return "https" if (said.pop() if said else self._secure) else "http"


def _address(name: object) -> tuple[object, object] | None:
    """Return the name of a socket in ASGI's form."""
    if isinstance(name, tuple):
        return name[0], name[1]
    return (name, None) if name else None
