"""Assigns requests to llama.cpp's slots, so that the beginning of a conversation is already in the slot's prompt cache.

A slot keeps what it read last. By itself, llama.cpp assigns a new conversation the least recently used slot, even if
that slot's conversation will continue. This module reserves the slots of conversations with a ``prompt_cache_key`` for
them as long as another slot is free. What was read for one key is never reused for another key, nor for requests
without a key. No request waits while a slot is free, except for the moment in which another worker's request takes it.
The table is in a file beside the model's socket, which all workers share.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import struct
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from ..fairness import FairSemaphore
from ..jsontypes import Json

# The owner (zeros: requests without a key), the time of the last use, and the hashes of the prefixes it has read.
_MOST_MESSAGES = 32
_RECORD = struct.Struct(f"=16sd{_MOST_MESSAGES * 8}s")
_NOBODY = bytes(16)
# The owner of a slot that may hold another owner's prompt, because a request failed before it was read.
_UNSURE = b"\xff" * 16

# llama.cpp chooses the slot itself.
ANY_SLOT = -1

# The interval, in seconds, at which the first request in the queue looks for slots that other workers released.
_LOOK_AGAIN = 0.005
_SHARED = fcntl.LOCK_SH | fcntl.LOCK_NB


@dataclass(frozen=True, slots=True)
class SlotRequest:
    """The slot contents that a request prefers: its owner's, with these prefixes, the shortest first. ``client`` is the
    short name of the API key that waits."""

    owner: bytes = _NOBODY
    beginnings: tuple[bytes, ...] = ()
    client: str | None = None


@dataclass(slots=True)
class Slot:
    """One of llama.cpp's slots, by its ``number``. ``reuse``: its prompt cache may be used. ``filled``: the request has
    been read into it."""

    number: int
    reuse: bool
    filled: bool = False

    def payload(self) -> Json:
        """Return the fields of llama.cpp's request."""
        return {"id_slot": self.number, "cache_prompt": self.reuse}


@dataclass(frozen=True, slots=True)
class _Record:
    owner: bytes
    used: float
    beginnings: bytes

    def shared(self, asked: SlotRequest) -> int:
        """Return how many messages of a request the slot has already read."""
        count = 0
        for index, beginning in enumerate(asked.beginnings):
            if self.beginnings[index * 8 : index * 8 + 8] != beginning:
                break
            count += 1
        return count


def slot_request(request: Json, client: str | None = None) -> SlotRequest:
    """Return the slot contents that an API request prefers. The domain has already made the key specific to the
    client."""
    key = request.get("prompt_cache_key")
    owner = hashlib.blake2b(key.encode(), digest_size=16).digest() if key else _NOBODY
    running = hashlib.blake2b(json.dumps(request.get("tools") or request.get("functions")).encode(), digest_size=8)
    beginnings = []
    for message in request["messages"][:_MOST_MESSAGES]:
        running.update(json.dumps(message).encode())
        beginnings.append(running.digest())
    return SlotRequest(owner, tuple(beginnings), client)


class Slots:
    """The ``count`` slots of one model process. ``path`` is the file that its workers share."""

    def __init__(self, path: str, count: int) -> None:
        self._count = count
        self._taken: set[int] = set()
        self._queue = FairSemaphore(1)
        self._left = asyncio.Event()
        self._waits = False
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Release all slots, also those that are still in use."""
        file, self._file = self._file, -1
        os.close(file)

    @contextlib.asynccontextmanager
    async def acquire(self, asked: SlotRequest) -> AsyncGenerator[Slot, None]:
        """Yield a slot for the duration of the block. Waiting clients take turns; each client's requests are served
        first in, first out. If requests of several workers wait, each worker has the same chance to get the next
        slot."""
        async with self._queue.hold(asked.client):
            slot = None if self._others_wait() else self._take(asked)
            try:
                while slot is None:
                    self._tell(waits=True)
                    self._left.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._left.wait(), _LOOK_AGAIN)
                    slot = self._take(asked)
            finally:
                self._tell(waits=False)
        try:
            yield slot
        finally:
            self._release(slot, asked)

    def _take(self, asked: SlotRequest) -> Slot | None:
        records = [self._read(slot) for slot in range(self._count)]
        for number in _by_preference(records, asked):
            if number in self._taken or not self._lock(number):
                continue
            self._taken.add(number)
            reuse = self._read(number).owner == asked.owner
            self._write(number, asked.owner if reuse else _UNSURE)
            return Slot(number, reuse)
        return None

    def _release(self, slot: Slot, asked: SlotRequest) -> None:
        if self._file < 0:
            return
        if slot.filled:
            self._write(slot.number, asked.owner, asked.beginnings)
        self._taken.discard(slot.number)
        self._lock(slot.number, fcntl.LOCK_UN)
        if not self._others_wait():  # otherwise they would never find a free slot
            self._left.set()

    def _lock(self, slot: int, kind: int = fcntl.LOCK_EX | fcntl.LOCK_NB) -> bool:
        # The kernel releases the locks of a worker that dies.
        try:
            fcntl.lockf(self._file, kind, 1, slot * _RECORD.size)
        except OSError:
            return False
        return True

    # Workers with waiting requests hold a shared lock on the record after the last one.

    def _tell(self, waits: bool) -> None:
        """Show other workers whether a request of this worker waits. Fails while one of them checks."""
        if self._file >= 0 and self._waits != waits and self._lock(self._count, _SHARED if waits else fcntl.LOCK_UN):
            self._waits = waits

    def _others_wait(self) -> bool:
        if not self._lock(self._count):
            return True
        self._lock(self._count, _SHARED if self._waits else fcntl.LOCK_UN)
        return False

    def _read(self, slot: int) -> _Record:
        data = os.pread(self._file, _RECORD.size, slot * _RECORD.size)
        return _Record(*_RECORD.unpack(data.ljust(_RECORD.size, b"\0")))

    def _write(self, slot: int, owner: bytes, beginnings: Sequence[bytes] = ()) -> None:
        data = _RECORD.pack(owner, time.monotonic(), b"".join(beginnings))
        os.pwrite(self._file, data, slot * _RECORD.size)


def _by_preference(records: Sequence[_Record], asked: SlotRequest) -> list[int]:
    """Return all slots, the best ones for a request first: those in which its owner has read its prefixes, then those
    without a key, then the least recently used. Conversations with keys leave one slot to those without."""
    free = sum(record.owner in (_NOBODY, _UNSURE) for record in records)

    def rank(slot: int) -> tuple[int, int, float]:
        record = records[slot]
        if record.owner == asked.owner:
            shared = record.shared(asked)
            # Requests without a key may reuse each other's prefixes, but spread over the slots before they overwrite.
            return (0 if shared or asked.owner != _NOBODY else 1, -shared, record.used)
        if record.owner in (_NOBODY, _UNSURE):
            return (1 if asked.owner == _NOBODY else 2 if free > 1 else 4, 0, record.used)
        return (3, 0, record.used)

    return sorted(range(len(records)), key=rank)
