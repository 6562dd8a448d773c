"""Limits the load on a model: a maximum of concurrent requests and of queued ones; all others are refused at once.

Clients are admitted in turn (round robin), and the requests of each client first in, first out. An admitted request is
never evicted. A limiter belongs to one worker and one event loop.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import Overloaded
from ..fairness import FairSemaphore, Full

_FULL = "This model has too many requests at the moment. Retry in a moment."
_LATE = "The request waited too long for this model. Retry in a moment."

# The weight of the newest request in the moving average of request times, and the longest retry time that clients are
# given, in seconds.
_WEIGHT = 0.1
_LONGEST_TOLD = 60


@dataclass(frozen=True, slots=True)
class Bounds:
    """``in_flight``: the number of permits, 0 for no limit. ``waiting``: how many requests may wait for one, each for
    up to ``wait`` seconds."""

    in_flight: int = 0
    waiting: int = 0
    wait: float = 0.0


class Permit:
    """An asynchronous context in which a request holds permits; none where there is no limit. A class, because it is on
    the path of every request: a generator would cost three times as much."""

    __slots__ = ("_client", "_limiter", "_permits", "_since")

    def __init__(self, limiter: ConcurrencyLimiter, permits: int, client: str | None) -> None:
        self._limiter = limiter
        self._permits = permits
        self._client = client

    async def __aenter__(self) -> None:
        if self._permits:
            await self._limiter.take(self._permits, self._client)
            self._since = asyncio.get_running_loop().time()

    async def __aexit__(self, *_: object) -> None:
        if self._permits:
            self._limiter.give_back(self._permits, asyncio.get_running_loop().time() - self._since)


class ConcurrencyLimiter:
    """The permits of one model."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._permits = FairSemaphore(bounds.in_flight, bounds.waiting)
        self._usual = 1.0

    @property
    def taken(self) -> int:
        """The number of permits that are held."""
        return self._permits.taken

    @property
    def waiting(self) -> int:
        """The number of requests that wait."""
        return self._permits.waiting

    def permit(self, permits: int = 1, client: str | None = None) -> Permit:
        """Hold this many permits; a request that needs more than exist holds all of them. ``client`` is the short name
        of the key that the request came with.

        Raises (when it is entered):
            Overloaded: no permit is free and the queue is full, or none became free in time.
        """
        return Permit(self, min(permits, self.bounds.in_flight), client)

    async def take(self, permits: int, client: str | None) -> None:
        """Take permits, waiting for them if need be. Called by `Permit`, as the next one."""
        if not self._permits.take(permits):
            await self._wait(permits, client)

    def give_back(self, permits: int, seconds: float) -> None:
        """Release permits that a request held for so many seconds."""
        self._usual += _WEIGHT * (seconds - self._usual)
        self._permits.release(permits)

    async def _wait(self, permits: int, client: str | None) -> None:
        try:
            async with asyncio.timeout(self.bounds.wait):
                await self._permits.acquire(client, permits)
        except Full:
            raise Overloaded(_FULL, retry_after=self._hint()) from None
        except TimeoutError:
            raise Overloaded(_LATE, retry_after=self._hint()) from None

    def _hint(self) -> int:
        """Seconds after which a permit should be free, estimated from the average duration of requests."""
        turns = (self.waiting + 1) / self.bounds.in_flight
        return max(1, min(_LONGEST_TOLD, math.ceil(turns * self._usual)))


class Limiters:
    """The limiters of all models; a model that ``bounds`` does not name has the bounds ``usual``."""

    def __init__(self, usual: Bounds | None = None, bounds: Mapping[str, Bounds] | None = None) -> None:
        self._usual = usual or Bounds()
        self._bounds = bounds or {}
        self._limiters: dict[str, ConcurrencyLimiter] = {}

    def of(self, model_id: str) -> ConcurrencyLimiter:
        """The limiter of a served model."""
        limiter = self._limiters.get(model_id)
        if limiter is None:
            limiter = self._limiters[model_id] = ConcurrencyLimiter(self._bounds.get(model_id, self._usual))
        return limiter
