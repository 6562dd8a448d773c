"""The server as an attacker sees it."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..patience import PATIENCE

CHAT = "/v1/chat/completions"
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where it is; ``key`` is empty for who has none."""

    port: int
    key: str

    def post(self, body: bytes | Iterable[bytes], path: str = CHAT, headers: Mapping[str, str] = _JSON) -> int:
        """The status of the answer to one request, which is read to its end; 0: there is none. Pieces are sent as
        chunks. An answer that does not come at all is a TimeoutError."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            sent = {**headers, "authorization": f"Bearer {self.key}"} if self.key else dict(headers)
            # A server may refuse before it has all of it.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", path, body, sent, encode_chunked=not isinstance(body, bytes))
            try:
                response = connection.getresponse()
                response.read()
            except (ConnectionError, http.client.RemoteDisconnected, http.client.IncompleteRead):
                return 0
            return response.status

    def head(self, *lines: str, path: str = CHAT, method: str = "POST") -> bytes:
        """The head of a request, with a key if there is one."""
        key = (f"Authorization: Bearer {self.key}",) if self.key else ()
        return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *key, *lines, "", ""]).encode()

    @contextlib.contextmanager
    def connections(self, count: int) -> Iterator[list[socket.socket]]:
        """Open connections, closed at the end; fewer when no more are taken."""
        with contextlib.ExitStack() as stack:
            opened = []
            for _ in range(count):
                try:
                    opened.append(stack.enter_context(socket.create_connection(("127.0.0.1", self.port), PATIENCE)))
                except OSError:
                    break
            yield opened

    def exchange(self, *pieces: bytes) -> int:
        """The status of the first answer to bytes on a connection of their own; 0: closed without one."""
        with self.connections(1) as (connection,):
            with contextlib.suppress(OSError):
                for piece in pieces:
                    connection.sendall(piece)
            with contextlib.suppress(ConnectionError), connection.makefile("rb") as answer:
                line = answer.readline().split()
                return int(line[1]) if len(line) > 1 else 0
        return 0


# Sends what was made before, and gives the statuses of the answers that it read.
Attack = Callable[[Target], list[int]]
