"""Keeps load off a model: so many requests at a time, so many that wait, and all others are refused at once.

Waiters are admitted first in, first out. What has been admitted is never put out again. A limiter belongs to one worker
and to one event loop.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ..errors import Overloaded

_FULL = "This model has too many requests at the moment. Retry in a moment."
_LATE = "This model had no place for the request in time. Retry in a moment."

# How much the newest request weighs in the usual time of a request, and the longest time told to clients, in seconds.
_WEIGHT = 0.1
_LONGEST_TOLD = 60


@dataclass(frozen=True, slots=True)
class Bounds:
    """``in_flight`` permits, 0 for no bound; ``waiting`` requests that may wait for one, for ``wait`` seconds each."""

    in_flight: int = 0
    waiting: int = 0
    wait: float = 0.0


@dataclass(slots=True, eq=False)
class _Waiter:
    permits: int
    admitted: asyncio.Future[None] = field(repr=False)


class ConcurrencyLimiter:
    """The permits of one model."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.taken = 0
        self._queue: deque[_Waiter] = deque()
        self._usual = 1.0

    @property
    def waiting(self) -> int:
        """The requests that wait."""
        return len(self._queue)

    @asynccontextmanager
    async def permit(self, permits: int = 1) -> AsyncGenerator[None, None]:
        """Hold so many permits; a request that wants more than there are holds all.

        Raises:
            Overloaded: there is no permit, and no more requests may wait, or none came free in time.
        """
        if not self.bounds.in_flight:
            yield
            return
        permits = min(permits, self.bounds.in_flight)
        now = asyncio.get_running_loop().time
        await self._acquire(permits)
        begun = now()
        try:
            yield
        finally:
            self._usual += _WEIGHT * (now() - begun - self._usual)
            self._release(permits)

    async def _acquire(self, permits: int) -> None:
        if not self._queue and self.taken + permits <= self.bounds.in_flight:
            self.taken += permits
            return
        if len(self._queue) >= self.bounds.waiting:
            raise Overloaded(_FULL, retry_after=self._hint())
        waiter = _Waiter(permits, asyncio.get_running_loop().create_future())
        self._queue.append(waiter)
        try:
            async with asyncio.timeout(self.bounds.wait):
                await waiter.admitted
        except BaseException as error:
            if waiter.admitted.done() and not waiter.admitted.cancelled():
                self._release(permits)  # admitted and gone in the same moment
            else:
                if waiter in self._queue:
                    self._queue.remove(waiter)
                self._admit()  # one that wants less may have waited behind it
            if isinstance(error, TimeoutError):
                raise Overloaded(_LATE, retry_after=self._hint()) from None
            raise

    def _release(self, permits: int) -> None:
        self.taken -= permits
        self._admit()

    def _admit(self) -> None:
        while self._queue:
            first = self._queue[0]
            if first.admitted.done():  # gone, and about to say so
                self._queue.popleft()
            elif self.taken + first.permits <= self.bounds.in_flight:
                self._queue.popleft()
                self.taken += first.permits
                first.admitted.set_result(None)
            else:
                return

    def _hint(self) -> int:
        """Seconds after which a permit may be had, by how long requests usually take."""
        turns = (len(self._queue) + 1) / self.bounds.in_flight
        return max(1, min(_LONGEST_TOLD, math.ceil(turns * self._usual)))


class Limiters:
    """The limiters of all models; those that ``bounds`` does not name have the bounds ``usual``."""

    def __init__(self, usual: Bounds | None = None, bounds: Mapping[str, Bounds] | None = None) -> None:
        self._usual = usual or Bounds()
        self._bounds = bounds or {}
        self._limiters: dict[str, ConcurrencyLimiter] = {}

    def of(self, model_id: str) -> ConcurrencyLimiter:
        """The limiter of a model that is served."""
        limiter = self._limiters.get(model_id)
        if limiter is None:
            limiter = self._limiters[model_id] = ConcurrencyLimiter(self._bounds.get(model_id, self._usual))
        return limiter
