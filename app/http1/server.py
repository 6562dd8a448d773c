"""What a connection needs of the worker that serves it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.types import ASGIApp

from .connections import Connections
from .cycle import Cycle
from .head import Limits


class Log(Protocol):
    """Where failures of the application are logged."""

    def error(self, text: str) -> object: ...
    def exception(self, text: str) -> object: ...


class Server(Protocol):
    """What serves a connection."""

    loop: asyncio.AbstractEventLoop
    log: Log
    connections: Connections[Any]
    # What connections read into: what is read is parsed before anything else is read.
    buffer: memoryview
    limits: Limits
    # Seconds within which a client must read a piece of an answer.
    write_timeout: float
    # Seconds for which a connection may wait for another request.
    keep_alive: float
    # Seconds that the application has to end a request whose client has left.
    grace: float
    # What the paths of requests begin with, and those of the document do not.
    root_path: str

    @property
    def application(self) -> ASGIApp: ...
    @property
    def state(self) -> dict[str, Any]:
        """What the application has left for its requests."""

    @property
    def last(self) -> bool:
        """Whether a connection is to be closed after the request that it serves."""

    @property
    def stopping(self) -> bool:
        """Whether connections that serve no request are to be closed."""

    def refusal(self, status: int) -> tuple[Sequence[tuple[str, str]], bytes]:
        """Return headers and body of the answer to a request that never reaches the application."""

    def schemes(self, peer: object) -> Mapping[bytes, bytes]:
        """Return the headers by which a peer may say that its client used TLS, each with the value that says so."""

    def opened(self) -> None:
        """Note that there is one more connection."""

    def lost(self) -> None:
        """Note that there is one less."""

    def answered(self, cycle: Cycle) -> None:
        """Note that a request has been served."""
