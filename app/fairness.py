"""Fair queueing by API key: keys take turns, and requests of one key are served first in, first out.

A key with a thousand waiting requests therefore does not starve a key with a single request. A queue belongs to one
event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items by key: round-robin over the keys, first in first out within each. None is a key too. All operations take
    constant time, except `displace`, which looks at every key."""

    def __init__(self) -> None:
        # The first key has the turn. No queue is empty.
        self._queues: OrderedDict[str | None, OrderedDict[Item, None]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, key: str | None, item: Item) -> None:
        """Add an item after the other items of its key; a new key joins at the end of the round."""
        self._queues.setdefault(key, OrderedDict())[item] = None
        self._length += 1

    def first(self) -> Item:
        """Return the item whose turn it is."""
        return next(iter(next(iter(self._queues.values()))))

    def pop(self) -> Item:
        """Remove and return the item whose turn it is; then it is the next key's turn."""
        key, item = next(iter(self._queues)), self.first()
        self._queues.move_to_end(key)
        self.remove(key, item)
        return item

    def remove(self, key: str | None, item: Item) -> None:
        """Remove an item, if it is there."""
        queue = self._queues.get(key)
        if queue is None or item not in queue:
            return
        del queue[item]
        self._length -= 1
        if not queue:
            del self._queues[key]

    def displace(self, key: str | None) -> Item | None:
        """Make room for an item of ``key``: remove and return the newest item of the key with the most items. Return
        None if that key would then have fewer items than ``key`` with its new one."""
        longest = max(self._queues, key=lambda other: len(self._queues[other]), default=None)
        if len(self._queues.get(longest, ())) <= len(self._queues.get(key, ())) + 1:
            return None
        item = next(reversed(self._queues[longest]))
        self.remove(longest, item)
        return item


class Full(Exception):
    """The queue is full, or a request of a key with fewer waiting requests displaced the one that waited."""


@dataclass(slots=True, eq=False)
class _Waiter:
    places: int
    admitted: asyncio.Future[None] = field(repr=False)


class FairSemaphore:
    """A semaphore of ``places`` that keys acquire in turn. At most ``most_waiting`` requests wait (None: no limit).
    When the queue is full, a request of a key with fewer waiting requests displaces the newest one of the key with the
    most."""

    def __init__(self, places: int, most_waiting: int | None = None) -> None:
        self.places = places
        self.taken = 0
        self._most_waiting = most_waiting
        self._queue: FairQueue[_Waiter] = FairQueue()

    @property
    def waiting(self) -> int:
        """The number of waiting requests."""
        return len(self._queue)

    @asynccontextmanager
    async def hold(self, key: str | None) -> AsyncGenerator[None, None]:
        """Hold a place for as long as the block lasts.

        Raises:
            Full: as `acquire`.
        """
        await self.acquire(key)
        try:
            yield
        finally:
            self.release()

    def take(self, places: int = 1) -> bool:
        """Take ``places`` if they are free and nothing waits; return whether they were taken."""
        if self._queue or self.taken + places > self.places:
            return False
        self.taken += places
        return True

    async def acquire(self, key: str | None, places: int = 1) -> None:
        """Wait for ``places``, which may be at most all of them.

        Raises:
            Full: the queue is full, or this request was displaced while it waited.
        """
        if self.take(places):
            return
        if self._most_waiting is not None and len(self._queue) >= self._most_waiting:
            displaced = self._queue.displace(key)
            if displaced is None:
                raise Full
            if not displaced.admitted.done():
                displaced.admitted.set_exception(Full())
        waiter = _Waiter(places, asyncio.get_running_loop().create_future())
        self._queue.append(key, waiter)
        try:
            await waiter.admitted
        except BaseException:
            if _is_admitted(waiter):
                self.release(places)  # admitted and cancelled at the same moment
            else:
                self._queue.remove(key, waiter)
                self._admit()  # a request for fewer places may have waited behind it
            raise

    def release(self, places: int = 1) -> None:
        """Release places, and admit the requests that they suffice for."""
        self.taken -= places
        self._admit()

    def _admit(self) -> None:
        while self._queue:
            first = self._queue.first()
            if first.admitted.done():  # cancelled; its task has not run yet
                self._queue.pop()
            elif self.taken + first.places <= self.places:
                self._queue.pop()
                self.taken += first.places
                first.admitted.set_result(None)
            else:
                return


def _is_admitted(waiter: _Waiter) -> bool:
    admitted = waiter.admitted
    return admitted.done() and not admitted.cancelled() and admitted.exception() is None
