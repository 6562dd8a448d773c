"""Which of llama.cpp's slots a request goes to, so that it finds the beginning of its conversation read already.

A slot keeps what it read last. Left alone, llama.cpp gives a new conversation the slot that was used longest ago,
whoever will come back to it. Here the slots of conversations with a ``prompt_cache_key`` are left to them as long as
another slot is free, and what was read for one key is never made use of for another, nor for requests without. No
request waits while any slot is free, but for the moment in which another worker's finds it. The table lies in a file
beside the model's socket, for all workers to see.
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

# The owner (zeros: requests without a key), when it was used last, and the beginnings of what it read.
_MOST_MESSAGES = 32
_RECORD = struct.Struct(f"=16sd{_MOST_MESSAGES * 8}s")
_NOBODY = bytes(16)
# The owner of a slot that may hold what another owner read last: a request that failed before it was read.
_UNSURE = b"\xff" * 16

# To llama.cpp: choose one yourself.
ANY_SLOT = -1

# How often the request whose turn it is looks for slots that other workers left, in seconds.
_LOOK_AGAIN = 0.005
_SHARED = fcntl.LOCK_SH | fcntl.LOCK_NB


@dataclass(frozen=True, slots=True)
class SlotRequest:
    """What a request would like to find in its slot: its owner's reading, of these beginnings, the shortest first.
    ``client`` is the short name of the API key that waits."""

    owner: bytes = _NOBODY
    beginnings: tuple[bytes, ...] = ()
    client: str | None = None


@dataclass(slots=True)
class Slot:
    """One of llama.cpp's slots, by its ``number``, and whether what it holds may be made use of. ``filled``: the
    request has been read into it."""

    number: int
    reuse: bool
    filled: bool = False

    def payload(self) -> Json:
        """What llama.cpp is told."""
        return {"id_slot": self.number, "cache_prompt": self.reuse}


@dataclass(frozen=True, slots=True)
class _Record:
    owner: bytes
    used: float
    beginnings: bytes

    def shared(self, asked: SlotRequest) -> int:
        """How many messages of a request the slot has read already."""
        count = 0
        for index, beginning in enumerate(asked.beginnings):
            if self.beginnings[index * 8 : index * 8 + 8] != beginning:
                break
            count += 1
        return count


def slot_request(request: Json, client: str | None = None) -> SlotRequest:
    """What a request of the API would like to find. The key is the domain's, which has made it the client's own."""
    key = request.get("prompt_cache_key")
    owner = hashlib.blake2b(key.encode(), digest_size=16).digest() if key else _NOBODY
    running = hashlib.blake2b(json.dumps(request.get("tools") or request.get("functions")).encode(), digest_size=8)
    beginnings = []
    for message in request["messages"][:_MOST_MESSAGES]:
        running.update(json.dumps(message).encode())
        beginnings.append(running.digest())
    return SlotRequest(owner, tuple(beginnings), client)


class Slots:
    """The slots of one model process, of which there are ``count``; ``path`` is the file that its workers share."""

    def __init__(self, path: str, count: int) -> None:
        self._count = count
        self._taken: set[int] = set()
        self._queue = FairSemaphore(1)
        self._left = asyncio.Event()
        self._waits = False
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Give up all slots, also those in which something still runs."""
        file, self._file = self._file, -1
        os.close(file)

    @contextlib.asynccontextmanager
    async def acquire(self, asked: SlotRequest) -> AsyncGenerator[Slot, None]:
        """A slot for as long as the block lasts. Clients who wait take turns, and the requests of each are served in
        their order; of several workers whose requests wait, each has the same chance to get the next slot."""
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
        if not self._others_wait():  # else they would never find a slot free
            self._left.set()

    def _lock(self, slot: int, kind: int = fcntl.LOCK_EX | fcntl.LOCK_NB) -> bool:
        # The kernel takes back the locks of a worker that dies.
        try:
            fcntl.lockf(self._file, kind, 1, slot * _RECORD.size)
        except OSError:
            return False
        return True

    # Workers whose requests wait share the lock of a record behind the last.

    def _tell(self, waits: bool) -> None:
        """Let other workers know whether a request of this one waits; in vain while one of them asks."""
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
    """All slots, those that suit a request best first: what its owner has read of it, what nobody has a key for, and
    what was used longest ago. Conversations with keys leave one slot to those without."""
    free = sum(record.owner in (_NOBODY, _UNSURE) for record in records)

    def rank(slot: int) -> tuple[int, int, float]:
        record = records[slot]
        if record.owner == asked.owner:
            shared = record.shared(asked)
            # Requests without a key may read each other's beginnings, but spread before they overwrite them.
            return (0 if shared or asked.owner != _NOBODY else 1, -shared, record.used)
        if record.owner in (_NOBODY, _UNSURE):
            return (1 if asked.owner == _NOBODY else 2 if free > 1 else 4, 0, record.used)
        return (3, 0, record.used)

    return sorted(range(len(records)), key=rank)
