"""Decompresses bodies that a server compressed although it was not asked to, piece by piece."""

from __future__ import annotations

import zlib

from .errors import Malformed

# Bytes that are decompressed at a time: a small body may become a very large one.
_AT_ONCE = 1 << 18

_GZIP = 16 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


class Decoder:
    """Decompresses a body in a content coding (RFC 9110, 8.4.1): ``gzip`` or ``deflate``.

    Raises:
        Malformed: the coding is another one.
    """

    def __init__(self, coding: str) -> None:
        coding = coding.removeprefix("x-")
        if coding not in ("gzip", "deflate"):
            raise Malformed("the answer has a content coding that is not supported")
        self._gzip = coding == "gzip"
        self._inflate: zlib._Decompress | None = None
        self._waiting = b""

    def feed(self, data: bytes) -> None:
        """Add compressed bytes; `read` decompresses them."""
        self._waiting += data

    def read(self) -> bytes:
        """Return the next decompressed bytes; empty if more compressed ones are needed.

        Raises:
            Malformed: the bytes are not in the coding.
        """
        while self._waiting:
            if self._inflate is None:
                self._inflate = zlib.decompressobj(self._bits(self._waiting[0]))
            try:
                made = self._inflate.decompress(self._waiting, _AT_ONCE)
            except zlib.error:
                raise Malformed("the answer is not in its content coding") from None
            self._waiting = self._inflate.unconsumed_tail
            if self._inflate.eof:
                # gzip may have several members; there is nothing after deflate's end.
                self._waiting = self._inflate.unused_data if self._gzip else b""
                self._inflate = None if self._waiting else self._inflate
            if made:
                return made
        return b""

    def end(self) -> None:
        """Note the end of the compressed bytes.

        Raises:
            Malformed: they are incomplete.
        """
        if self._inflate is not None and not self._inflate.eof:
            raise Malformed("the answer ends in the middle of its content coding")

    def _bits(self, first: int) -> int:
        if self._gzip:
            return _GZIP
        # By its name it has zlib's frame (RFC 1950), whose first byte says so; some servers leave that away.
        return zlib.MAX_WBITS if first & 0xF == zlib.DEFLATED else _RAW
