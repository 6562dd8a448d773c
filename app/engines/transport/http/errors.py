"""How a request can fail without an answer, or in the middle of one. The messages contain no addresses."""

from __future__ import annotations


class HttpError(Exception):
    """The base class."""


class NotConnected(HttpError):
    """There is no connection, so no server has seen the request. ``untrusted``: the peer may be an impostor."""

    def __init__(self, reason: str, *, untrusted: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.untrusted = untrusted


class Lost(HttpError):
    """The connection ended before the answer did. ``errno`` is that of the operating system, None if the server ended
    it in an orderly way."""

    def __init__(self, errno: int | None = None) -> None:
        super().__init__("the connection was lost")
        self.errno = errno


class Stale(Lost):
    """A connection that had been kept ended before any part of the next answer arrived."""


class Late(HttpError):
    """The time for the answer, or for its next part, is over."""


class Malformed(HttpError):
    """What the server sent is not HTTP, or exceeds a limit."""
