"""What is sent: where a request goes, its header fields, and the bytes of its head."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from yarl import URL

# Of a field, beyond which somebody who writes one could write others, or a request (RFC 9110, 5.5 and 5.6.2).
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00\r\n]*")


class Origin(NamedTuple):
    """Whom connections lead to."""

    host: str
    port: int
    tls: bool


class Target:
    """The address of a resource."""

    def __init__(self, url: str) -> None:
        """Parse a valid ``http`` or ``https`` URL."""
        parts = URL(url)
        host = parts.raw_host or ""
        self.url = url
        self.origin = Origin(host, parts.port or 80, parts.scheme == "https")
        self.path = parts.raw_path_qs
        self.authority = parts.host_port_subcomponent or ""
        # What a request begins with.
        self.get, self.post = (
            f"{method} {self.path} HTTP/1.1\r\nHost: {self.authority}\r\n".encode() for method in ("GET", "POST")
        )


class Fields:
    """The header fields of requests, in the form in which they are sent. A later one replaces an earlier one of the
    same name.

    Raises:
        ValueError: a name or a value is none.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        kept: dict[str, tuple[str, str]] = {}
        for name, value in pairs:
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise ValueError("a header field has an invalid name or value")
            kept[name.lower()] = name, value
        self._kept = kept
        self.encoded = "".join(f"{name}: {value}\r\n" for name, value in kept.values()).encode()

    def get(self, name: str) -> str | None:
        """Return the value of a field, None if there is none. Names are matched in any case."""
        found = self._kept.get(name.lower())
        return None if found is None else found[1]

    def only(self, *names: str) -> Fields:
        """Return those of some names."""
        return Fields(self._kept[name] for name in map(str.lower, names) if name in self._kept)


def head(target: Target, fields: Fields, body: bytes | None) -> bytes:
    """Return the head of a request: POST with a body, GET without one."""
    if body is None:
        return target.get + fields.encoded + b"\r\n"
    return b"%b%bContent-Length: %d\r\n\r\n" % (target.post, fields.encoded, len(body))
