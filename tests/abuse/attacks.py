"""How attacks reach a server: as requests, side by side or one after the other, or as bytes on connections."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from .target import CHAT, Attack, Target

# How long connections are held that want nothing, in seconds: so long the probe looks on.
HELD = 1.5

_JSON = "Content-Type: application/json"
_CHUNKED = "Transfer-Encoding: chunked"


def post(body: Callable[[], bytes], path: str = CHAT, headers: Mapping[str, str] | None = None) -> Attack:
    """One request, its body made now."""
    made, sent = body(), headers or {"content-type": "application/json"}
    return lambda target: [target.post(made, path, sent)]


def side_by_side(count: int, body: Callable[[], bytes]) -> Attack:
    """So many requests at once."""
    made = body()

    def attack(target: Target) -> list[int]:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(target.post, [made] * count))

    return attack


def in_chunks(size: int, body: Callable[[], bytes], extension: str = "") -> Attack:
    """One request in chunks of so many bytes, each with an extension."""
    made = body()
    chunks = b"".join(
        b"%x%s\r\n%s\r\n" % (len(piece), extension.encode(), piece)
        for piece in (made[at : at + size] for at in range(0, len(made), size))
    )
    return lambda target: [target.exchange(target.head(_JSON, _CHUNKED), chunks, b"0\r\n\r\n")]


def raw(*lines: str, body: bytes = b"", method: str = "POST", path: str = CHAT) -> Attack:
    """One request with these lines in its head, and these bytes after it."""
    return lambda target: [target.exchange(target.head(*lines, method=method, path=path), body)]


def garbage(data: bytes) -> Attack:
    """Bytes that may be no request."""
    return lambda target: [target.exchange(data)]


def idle(count: int, begun: bytes = b"") -> Attack:
    """Connections that want nothing, or have begun a request and do not go on."""

    def attack(target: Target) -> list[int]:
        with target.connections(count) as connections:
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.sendall(begun)
            time.sleep(HELD)
        return []

    return attack


def unread(count: int, path: str, pipelined: int) -> Attack:
    """Connections that ask for the same page again and again, and read nothing."""

    def attack(target: Target) -> list[int]:
        with target.connections(count) as connections:
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.setblocking(False)
                    connection.send(target.head(path=path, method="GET") * pipelined)
            time.sleep(HELD)
        return []

    return attack


def unread_answers(count: int, body: Callable[[], bytes]) -> Attack:
    """Answers, whole or streams, that nobody reads."""
    made = body()

    def attack(target: Target) -> list[int]:
        with target.connections(count) as connections:
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    connection.sendall(target.head(_JSON, f"Content-Length: {len(made)}") + made)
            time.sleep(HELD)
        return []

    return attack


def leaving(count: int, body: Callable[[], bytes]) -> Attack:
    """Clients that are gone as soon as they have asked."""
    made = body()

    def attack(target: Target) -> list[int]:
        for _ in range(count):
            with target.connections(1) as connections:
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.sendall(target.head(_JSON, f"Content-Length: {len(made)}") + made)
        return []

    return attack


def trickle(count: int, pieces: Callable[[], Iterator[bytes]], *lines: str) -> Attack:
    """Connections whose bodies come in pieces, each pushed out by itself."""

    def one(target: Target, done: threading.Event) -> None:
        with target.connections(1) as connections:
            for connection in connections:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with contextlib.suppress(OSError):
                    connection.sendall(target.head(*lines))
                    for piece in pieces():
                        if done.is_set():
                            return
                        connection.sendall(piece)

    def attack(target: Target) -> list[int]:
        done = threading.Event()
        threads = [threading.Thread(target=one, args=(target, done)) for _ in range(count)]
        for thread in threads:
            thread.start()
        time.sleep(HELD)
        done.set()
        for thread in threads:
            thread.join()
        return []

    return attack
