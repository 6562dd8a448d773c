"""The head of a request: read from what arrives, strictly.

A request that another server in front could read otherwise is refused, since requests could be hidden in it: RFC 9112,
sections 2.2, 3, 5 and 6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# What may occur in the target of a request, in the name of a field, in lower case, and in its value: sections 3.2 of
# RFC 9112, 5.1 and 5.5 of RFC 9110.
_TARGET = bytes(range(0x21, 0x7F))
_NAME = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
VALUE = bytes(byte for byte in range(256) if byte == 9 or (byte >= 0x20 and byte != 0x7F))

# A method, as servers in front know them: no lower case.
_METHOD = re.compile(rb"[A-Z0-9!$%&'*+\-.^_`|~]{3,20}")

# A target in absolute form has a scheme and a host.
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]")

_VERSIONS = {b"HTTP/1.1": 1, b"HTTP/1.0": 0}

# Transfer codings that have a name. Only `chunked` is decoded.
_CODINGS = frozenset((b"chunked", b"gzip", b"deflate", b"compress", b"identity"))

# Fields that say how a request is framed or the connection is used, and those that must not occur twice.
_SPECIAL = frozenset((b"connection", b"content-length", b"content-type", b"expect", b"host", b"transfer-encoding"))

# Names in lower case, by how most clients and handlers write them.
_USUAL = {
    spelled.encode(): name.encode()
    for name in (
        *("accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection"),
        *("content-length", "content-type", "date", "host", "idempotency-key", "openai-organization", "openai-project"),
        *("retry-after", "server", "traceparent", "transfer-encoding", "user-agent", "x-accel-buffering", "x-api-key"),
        *("x-forwarded-for", "x-forwarded-proto", "x-real-ip", "x-request-id"),
        *(f"x-ratelimit-{told}-{what}" for told in ("limit", "remaining", "reset") for what in ("requests", "tokens")),
    )
    for spelled in (name, name.title())
}


class Refused(Exception):
    """A request is not served, for what its bytes are. ``status`` is that of the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Limits:
    """The most bytes of a request's first line, and of a field with the end of its line; the most fields, and the most
    bytes of all of them and the first line together. The same holds for the fields after a body."""

    line: int = 4094
    field: int = 8190
    fields: int = 100
    head: int = 1 << 16


@dataclass(slots=True)
class Head:
    """The head of a request. ``minor`` is the minor version of HTTP; names in ``fields`` are in lower case; ``length``
    is the number of bytes of the body that follows, if that is not ``chunked``; ``closes``: the connection is not to be
    used again; ``expects``: the client waits for 100 (Continue) before it sends the body."""

    method: bytes
    target: bytes
    minor: int
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    length: int = 0
    chunked: bool = False
    closes: bool = False
    expects: bool = False

    def settle(self, special: list[tuple[bytes, bytes]]) -> Head:
        """Read the fields that are ``special``, which are among `_SPECIAL`, once all are there.

        Raises:
            Refused: the body's end is not certain, a field occurs twice, or there is no `Host` (section 3.2).
        """
        codings, options, seen = list[bytes](), list[bytes](), list[bytes]()
        for name, value in special:
            if name == b"transfer-encoding":
                codings += [coding.strip(b" \t").lower() for coding in value.split(b",")]
            elif name == b"connection":
                options += [option.strip(b" \t") for option in value.lower().split(b",")]
            elif name == b"expect":
                self.expects = self.minor > 0 and value.lower() == b"100-continue"
            elif name in seen:
                raise Refused(400)
            else:
                seen.append(name)
                if name == b"content-length":
                    self.length = _length(value)
        if self.minor and b"host" not in seen:
            raise Refused(400)
        if codings:
            self._check_codings(codings, b"content-length" in seen)
            self.chunked = True
        # After a CONNECT, what follows would belong to a tunnel, whatever is answered (RFC 9931, section 8).
        tunnel = self.method == b"CONNECT"
        self.closes = b"close" in options or (self.minor == 0 and b"keep-alive" not in options) or tunnel
        return self

    def _check_codings(self, codings: list[bytes], has_length: bool) -> None:
        if not _CODINGS.issuperset(codings):
            raise Refused(501)
        if codings[-1] != b"chunked" or codings.count(b"chunked") > 1 or has_length or self.minor == 0:
            raise Refused(400)
        if len(codings) > 1:
            raise Refused(501)


class HeadReader:
    """Reads one head after the other. ``begun``: a part of one has arrived."""

    __slots__ = ("_head", "_limits", "_rest", "_scanned", "_size", "_skipped", "_special")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._reset()

    def _reset(self) -> None:
        self._rest = b""
        # How much of the rest has no end of a line.
        self._scanned = 0
        self._skipped = False
        # The bytes of the lines that have been read.
        self._size = 0
        self._head: Head | None = None
        self._special: list[tuple[bytes, bytes]] = []

    @property
    def begun(self) -> bool:
        return bool(self._rest) or self._head is not None

    def read(self, data: bytes) -> tuple[Head, bytes] | None:
        """Return the head, if it is complete with ``data``, and the bytes after it.

        Raises:
            Refused: it is not HTTP/1.1 or 1.0, or exceeds a limit.
        """
        if not self._rest and self._head is None and (end := data.find(b"\r\n\r\n")) > 0:
            # Most arrive whole.
            whole = data[:end]
            first, *lines = whole.split(b"\r\n")
            if first:
                if whole.translate(None, VALUE) != b"\r\n" * len(lines):
                    raise Refused(400)
                head, special = self._begin(first), list[tuple[bytes, bytes]]()
                if len(lines) > self._limits.fields or len(whole) + 2 > self._limits.head:
                    raise Refused(431)
                longest = self._limits.field - 2
                if len(whole) > longest and max(map(len, lines), default=0) > longest:
                    raise Refused(431)
                for line in lines:
                    read_field(line, head.fields, special)
                self._skipped = False
                return head.settle(special), data[end + 4 :]
        return self._read_lines(self._rest + data)

    def _read_lines(self, data: bytes) -> tuple[Head, bytes] | None:
        at = 0
        while True:
            end = data.find(b"\r\n", max(at, self._scanned))
            if data.find(b"\n", max(at, self._scanned), end if end >= 0 else len(data)) >= 0:
                raise Refused(400)  # the end of a line for some, and none for others
            head = self._head
            if end < 0:
                self._check_part(len(data) - at)
                # The last byte may be the first one of a line's end.
                self._rest, self._scanned = data[at:], max(len(data) - at - 1, 0)
                return None
            line, at, self._scanned = data[at:end], end + 2, 0
            if head is None:
                if line or self._skipped:
                    self._head, self._size = self._begin(line), len(line) + 2
                self._skipped = True  # one empty line: section 2.2
            elif line:
                if line.translate(None, VALUE):
                    raise Refused(400)
                self._size += len(line) + 2
                if len(head.fields) == self._limits.fields or len(line) + 2 > self._limits.field:
                    raise Refused(431)
                if self._size > self._limits.head:
                    raise Refused(431)
                read_field(line, head.fields, self._special)
            else:
                special = self._special
                self._reset()
                return head.settle(special), data[at:]

    def _check_part(self, size: int) -> None:
        """Refuse the beginning of a line if it is already too long."""
        if self._head is None and size > self._limits.line + 1:
            raise Refused(414)
        if self._head is not None and size > self._limits.field:
            raise Refused(431)

    def _begin(self, line: bytes) -> Head:
        if len(line) > self._limits.line:
            raise Refused(414)
        method, _, rest = line.partition(b" ")
        target, _, version = rest.partition(b" ")
        minor = _VERSIONS.get(version)
        if minor is None or not target or target.translate(None, _TARGET) or not _METHOD.fullmatch(method):
            raise Refused(400)
        if target[:1] != b"/" and not _has_other_form(method, target):
            raise Refused(400)
        return Head(method, target, minor)


def read_field(line: bytes, fields: list[tuple[bytes, bytes]], special: list[tuple[bytes, bytes]]) -> None:
    """Add a field to ``fields``, and also to ``special`` if it is one of those that the server itself heeds.

    Raises:
        Refused: it is none.
    """
    name, colon, value = line.partition(b":")
    name = lower_name(name)
    if not name or not colon:
        raise Refused(400)
    found = name, value.strip(b" \t")
    fields.append(found)
    if name in _SPECIAL:
        special.append(found)


def lower_name(name: bytes) -> bytes:
    """Return the name of a field in lower case; nothing if it is no name."""
    usual = _USUAL.get(name)
    if usual is not None:
        return usual
    lower = name.lower()
    return b"" if lower.translate(None, _NAME) else lower


def _has_other_form(method: bytes, target: bytes) -> bool:
    """Return whether a target that is no path has a form that goes with the method: section 3.2."""
    if target == b"*":
        return method == b"OPTIONS"
    return method == b"CONNECT" or _ABSOLUTE.match(target) is not None


def _length(value: bytes) -> int:
    if not value.isdigit():
        raise Refused(400)
    try:
        return int(value)
    except ValueError:  # thousands of digits
        raise Refused(400) from None
