"""Fair queueing by API key: keys take turns, and requests of one key are served first in, first out.

So a key with a thousand waiting requests does not keep out one with a single request. A queue belongs to one event
loop.
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
    """Items of keys: round-robin over the keys, first in first out for each. None is a key too. All it does takes the
    same time however long it is, but for `displace`, which looks at each key."""

    def __init__(self) -> None:
        # The first key is the one whose turn it is. No queue is empty.
        self._queues: OrderedDict[str | None, OrderedDict[Item, None]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, key: str | None, item: Item) -> None:
        """Put an item behind those of its key; a new key joins the end of the round."""
        self._queues.setdefault(key, OrderedDict())[item] = None
        self._length += 1

    def first(self) -> Item:
        """The item whose turn it is."""
        return next(iter(next(iter(self._queues.values()))))

    def pop(self) -> Item:
        """Take out the item whose turn it is; then it is the next key's turn."""
        key, item = next(iter(self._queues)), self.first()
        self._queues.move_to_end(key)
        self.remove(key, item)
        return item

    def remove(self, key: str | None, item: Item) -> None:
        """Take out an item that may be there."""
        queue = self._queues.get(key)
        if queue is None or item not in queue:
            return
        del queue[item]
        self._length -= 1
        if not queue:
            del self._queues[key]

    def displace(self, key: str | None) -> Item | None:
        """Make room for an item of a key: take out the newest item of the key with the most, unless that would leave
        it with fewer than the other one then has."""
        longest = max(self._queues, key=lambda other: len(self._queues[other]), default=None)
        if len(self._queues.get(longest, ())) <= len(self._queues.get(key, ())) + 1:
            return None
        item = next(reversed(self._queues[longest]))
        self.remove(longest, item)
        return item


class Full(Exception):
    """No more may wait, or what waited was displaced by one of a key with less."""


@dataclass(slots=True, eq=False)
class _Waiter:
    places: int
    admitted: asyncio.Future[None] = field(repr=False)


class FairSemaphore:
    """So many places, for which keys wait in turn. At most ``most_waiting`` requests wait, None for no bound; when
    there are as many, one of a key with fewer waiting takes the place of the newest of the key with the most."""

    def __init__(self, places: int, most_waiting: int | None = None) -> None:
        self.places = places
        self.taken = 0
        self._most_waiting = most_waiting
        self._queue: FairQueue[_Waiter] = FairQueue()

    @property
    def waiting(self) -> int:
        """The requests that wait."""
        return len(self._queue)

    @asynccontextmanager
    async def hold(self, key: str | None) -> AsyncGenerator[None, None]:
        """A place for as long as the block lasts.

        Raises:
            Full: as `acquire`.
        """
        await self.acquire(key)
        try:
            yield
        finally:
            self.release()

    def take(self, places: int = 1) -> bool:
        """Whether so many places are free for one who need not wait; then they are taken."""
        if self._queue or self.taken + places > self.places:
            return False
        self.taken += places
        return True

    async def acquire(self, key: str | None, places: int = 1) -> None:
        """Wait for so many places, at most all of them.

        Raises:
            Full: no more may wait.
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
                self.release(places)  # admitted and gone in the same moment
            else:
                self._queue.remove(key, waiter)
                self._admit()  # one that wants less may have waited behind it
            raise

    def release(self, places: int = 1) -> None:
        """Give places back."""
        self.taken -= places
        self._admit()

    def _admit(self) -> None:
        while self._queue:
            first = self._queue.first()
            if first.admitted.done():  # gone, and about to say so
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
