"""A body whose length is known: RFC 9112, section 6.2."""

from __future__ import annotations


class SizedBody:
    """As `.chunked.ChunkedBody`. ``awaited`` is the number of bytes that have not come yet."""

    __slots__ = ("awaited",)

    def __init__(self, length: int) -> None:
        self.awaited = length

    @property
    def complete(self) -> bool:
        return not self.awaited

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the bytes of the body that are in ``data``, and those that come after the body."""
        piece, rest = data[: self.awaited], data[self.awaited :]
        self.awaited -= len(piece)
        return piece, rest
