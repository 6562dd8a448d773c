"""Whether a model process has loaded its model."""

from __future__ import annotations

import contextlib
import http.client
import socket

_SECONDS = 1.0


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("model", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self._path)


def is_loaded(path: str, key: str) -> bool:
    """Whether the process behind a socket answers that it is ready, found out within a second."""
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(_Connection(path)) as connection:
        connection.request("GET", "/health", headers={"authorization": f"Bearer {key}"})
        return connection.getresponse().status == 200
    return False
