"""Whose a request is, what its key may use, and what it has used so far.

The layers of the path know only `Account`, which allows everything and records nothing. With a database,
`app.accounting` gives each request an account that knows its key, reserves its limits and records its usage.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .errors import Forbidden
from .limits.limits import Limits

# The project of keys that name none, and of requests without a key.
DEFAULT_PROJECT = "default"


@dataclass(frozen=True, slots=True)
class Client:
    """An API key. ``name`` is its short name, which is shown and logged; ``project`` is the one it belongs to;
    ``models`` are the ids of the models that it may use, None for all. ``limits`` are its own, ``project_limits`` those
    of its project."""

    name: str
    project: str = DEFAULT_PROJECT
    models: frozenset[str] | None = None
    limits: Limits | None = None
    project_limits: Limits | None = None


def _free(_prompt: int, _completion: int, _cached: int) -> int:
    return 0


@dataclass(slots=True)
class Tally:
    """What a model's answer has come to so far.

    ``asked`` is the name of the model that was requested, ``model`` the id of the one that answers, ``upstream`` where
    its answers are made. ``prompt`` is the estimated number of tokens of the prompt, ``most`` the highest number of
    tokens that the answer may have; ``explicit``: the request itself sets that limit. ``price`` returns the cost of
    tokens of a prompt, of an answer, and of those of the prompt that were cached. ``pieces`` counts the pieces of the
    answer that have arrived, most of which are one token. ``usage`` is what the model reported, in the form of the API.
    ``first`` is the time of the first piece, by `time.perf_counter`, and ``finish`` the reason why the first choice
    ended.
    """

    asked: str = ""
    model: str = ""
    upstream: str = ""
    prompt: int = 0
    most: int = 0
    explicit: bool = False
    price: Callable[[int, int, int], int] = _free
    pieces: int = 0
    usage: Mapping[str, Any] | None = None
    first: float | None = None
    finish: str | None = None
    stream: bool = False

    def piece(self) -> None:
        """Count a piece of the answer that has arrived."""
        self.pieces += 1
        if self.first is None:
            self.first = time.perf_counter()


@dataclass(slots=True)
class Account:
    """The account of one request, for a server that counts nothing. ``client`` is the request's key, None if it needs
    none. ``headers`` are added to the request's answer, whatever it is."""

    # Whether anything is counted: otherwise the path need not fill the tally.
    counts: ClassVar[bool] = False

    client: Client | None = None
    tally: Tally = field(default_factory=Tally)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def key(self) -> str | None:
        """The short name of the request's key."""
        return self.client.name if self.client is not None else None

    @property
    def project(self) -> str:
        """The project to which what the request stores belongs."""
        return self.client.project if self.client is not None else DEFAULT_PROJECT

    def may_use(self, model_id: str) -> bool:
        """Whether the key may use a model."""
        return self.client is None or self.client.models is None or model_id in self.client.models

    def check_model(self, model_id: str) -> None:
        """Validate that the key may use a model.

        Raises:
            Forbidden: it may not.
        """
        if not self.may_use(model_id):
            raise Forbidden("This API key may not use this model.", param="model", code="model_not_allowed")

    async def reserve(self) -> None:
        """Take what the request may come to, by its tally, from the limits of its key, project and model.

        Raises:
            RateLimited: a limit does not allow it now.
            QuotaExceeded: a budget does not allow it.
            EngineUnavailable: the limits cannot be read, and the settings say to refuse then.
        """

    async def switch(self) -> None:
        """Another model is to answer, by the tally: take what the request may come to from that model's limits too.
        The model before it is not counted with the tokens of the answer.

        Raises:
            ApiError: as `reserve`.
        """

    @property
    def slow(self) -> bool:
        """Whether it takes long at the moment to commit a record."""
        return False

    def settle(self, _status: int, _error: str | None = None) -> Awaitable[object] | None:
        """Record the request before its last byte is sent: ``status`` is that of its answer, ``error`` the code of its
        failure. Only the first call counts. Return an awaitable that is done when that is committed, None if there is
        nothing to wait for; the record is committed though nobody waits."""
        return None

    def leave(self, _status: int) -> None:
        """Record a request whose client has disconnected, if it has not been settled."""
