"""What a configuration says of an upstream: where it is, how long it may take, how much it may send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from ...errors import ConfigurationError

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110, 5.6.2
_OURS = frozenset({"host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """In seconds. ``first_byte`` is that of the body, from the start of an attempt; ``idle`` lies between two bytes;
    ``total`` is for a request with all its attempts."""

    connect: float = 5.0
    first_byte: float = 60.0
    idle: float = 60.0
    total: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """One model elsewhere, behind one replica or several.

    ``name`` is the model's id, for the log and errors. Each of ``base_urls`` ends before ``/chat/completions``.
    ``headers`` are sent with every request. ``retries`` are attempts after the first. ``max_answer`` and ``max_event``
    are in bytes, of a whole answer and of one event. ``health_path`` is relative to the base URL, None for none.
    ``socket`` is the path of a unix socket that leads there instead of the network.

    Raises:
        ConfigurationError: a value cannot be used; the message does not hold it.
    """

    name: str
    base_urls: tuple[str, ...]
    key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = Timeouts()
    retries: int = 2
    max_answer: int = 64 << 20
    max_event: int = 16 << 20
    health_path: str | None = "/models"
    probe_seconds: float = 10.0
    socket: str | None = None

    def __post_init__(self) -> None:
        whose = f"The upstream of {self.name!r}"
        if not self.base_urls:
            raise ConfigurationError(f"{whose} has no base URL.")
        for text in self.base_urls:
            _check_url(whose, text)
        if self.key is not None and not (
            self.key and self.key.isascii() and self.key.isprintable() and " " not in self.key
        ):
            raise ConfigurationError(f"{whose} has a key that no header can carry: it must be visible ASCII.")
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
                raise ConfigurationError(f"{whose} has a header that cannot be set: {name!r}.")
            if not (value.isascii() and value.isprintable()):
                raise ConfigurationError(f"{whose} has a header {name!r} whose value is not printable ASCII.")
        numbers = {name: getattr(self.timeouts, name) for name in ("connect", "first_byte", "idle", "total")}
        numbers |= {name: getattr(self, name) for name in ("max_answer", "max_event", "probe_seconds")}
        for name, number in numbers.items():
            if not 0 < number < float("inf"):
                raise ConfigurationError(f"{whose} has a {name} that is not above 0.")
        if not 0 <= self.retries <= 10:
            raise ConfigurationError(f"{whose} has retries that are not 0 to 10.")
        if self.health_path is not None and not self.health_path.startswith("/"):
            raise ConfigurationError(f"{whose} has a health_path that does not begin with a slash.")


def _check_url(whose: str, text: str) -> None:
    try:
        url = URL(text)
        usable = url.scheme in ("http", "https") and bool(url.host)
        plain = not (url.user or url.password or url.query_string or url.fragment)
    except ValueError:
        usable = plain = False
    if not usable:
        raise ConfigurationError(f"{whose} has a base URL that is not http://host… or https://host…")
    if not plain:
        raise ConfigurationError(f"{whose} has a base URL with a user, a query or a fragment; a key has its own place.")
