"""The configuration of an upstream: its addresses, its timeouts, and its size limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from ...tables import Table

Seconds = Annotated[float, Meta(ge=0.001, le=86400)]


class Timeouts(Table, frozen=True, kw_only=True):
    """``first_byte`` is the timeout for the first byte of the body, from the start of an attempt."""

    connect: Annotated[
        Seconds,
        "Longest time to connect, in seconds.",
    ] = 5.0
    first_byte: Annotated[
        Seconds,
        "Longest time until an answer begins, in seconds.",
    ] = 60.0
    idle: Annotated[
        Seconds,
        "Longest pause within an answer, in seconds.",
    ] = 60.0
    total: Annotated[
        Seconds,
        "Longest time for a request with all its attempts, in seconds.",
    ] = 600.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A request of ours that tests whether a replica works: JSON that is posted to a path."""

    path: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """One upstream model, behind one replica or several.

    ``name`` is the model's id, for the log and errors. Each of ``base_urls`` ends before ``/chat/completions``.
    ``headers`` are sent with every request. ``retries`` is the number of attempts after the first. ``max_answer`` and
    ``max_event`` limit a whole answer and one event, in bytes. ``health_path`` is relative to the base URL, None for
    none. ``trial`` is the request that a failed replica must answer before it gets requests again, None: the health
    path. ``socket`` is the path of a unix socket to use instead of the network.
    All values are validated when a configuration is read.
    """

    name: str
    base_urls: tuple[str, ...]
    key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: int = 2
    max_answer: int = 64 << 20
    max_event: int = 16 << 20
    health_path: str | None = "/models"
    probe_seconds: float = 10.0
    trial: Trial | None = None
    socket: str | None = None
