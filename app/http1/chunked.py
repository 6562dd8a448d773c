"""A body in chunks: RFC 9112, section 7.1, strictly."""

from __future__ import annotations

import re

from .head import VALUE, Limits, Refused, read_field

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
# The size of a chunk, and extensions, which mean nothing here.
_SIZE = re.compile(
    rb"([0-9A-Fa-f]+)(?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*"
)

# Fields that must not come after a body: they say how it is framed, where it goes, or who sends it (RFC 9110, 6.5.1).
_NOT_BEHIND = frozenset((b"authorization", b"content-length", b"host", b"te", b"trailer", b"transfer-encoding"))


class ChunkedBody:
    """Call `feed` with what arrives until ``complete``."""

    # How many bytes are still to come is not known.
    awaited = 0

    __slots__ = ("_behind", "_ends", "_left", "_limits", "_part", "_size", "complete")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = 0  # bytes of the chunk that is being read
        self._ends = False  # whether the end of a chunk is due
        # The number of fields after the last chunk, and their bytes; None before it.
        self._behind: int | None = None
        self._size = 0
        self._part = b""
        self.complete = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the bytes of the body that are in ``data``, and those that come after the body.

        Raises:
            Refused: these are no chunks, or what is between them exceeds a limit.
        """
        data, at = self._part + data, 0
        pieces = []
        while at < len(data) and not self.complete:
            if self._left:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                self._ends = not self._left
            elif self._ends:
                end = data[at : at + 2]
                if not b"\r\n".startswith(end):
                    raise Refused(400)
                if len(end) < 2:
                    break
                at += 2
                self._ends = False
            else:
                end_of_line = data.find(b"\r\n", at)
                if data.find(b"\n", at, end_of_line if end_of_line >= 0 else len(data)) >= 0:
                    raise Refused(400)
                if end_of_line < 0:
                    if len(data) - at > self._limits.field:
                        raise Refused(400 if self._behind is None else 431)
                    break
                self._read_line(data[at:end_of_line])
                at = end_of_line + 2
        self._part, rest = (b"", data[at:]) if self.complete else (data[at:], b"")
        return b"".join(pieces), rest

    def _read_line(self, line: bytes) -> None:
        if self._behind is None:
            size = _SIZE.fullmatch(line)
            if size is None:
                raise Refused(400)
            self._left = int(size[1], 16)
            if not self._left:
                self._behind = 0
        elif not line:
            self.complete = True
        else:
            self._behind += 1
            self._size += len(line) + 2
            if self._behind > self._limits.fields or len(line) + 2 > self._limits.field:
                raise Refused(431)
            if self._size > self._limits.head:
                raise Refused(431)
            found: list[tuple[bytes, bytes]] = []  # which is not used
            read_field(line, found, [])
            if found[0][0] in _NOT_BEHIND or line.translate(None, VALUE):
                raise Refused(400)
