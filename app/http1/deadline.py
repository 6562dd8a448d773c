"""A time at which something is done, unless it is moved before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadline:
    """It may be set anew for each request of a connection: a timer that runs out earlier is kept, and then set again.

    It refers to what it calls only while it is set, so that its owner is freed without a garbage collection.
    """

    __slots__ = ("_at", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, passed: Callable[[], object]) -> None:
        """Call ``passed`` in ``seconds``, and not earlier. It is the same function each time."""
        self._at = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._at:
            self.cancel()
        if self._timer is None:
            self._timer = self._loop.call_at(self._at, self._look, passed)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, passed: Callable[[], object]) -> None:
        self._timer = None
        if self._loop.time() < self._at:
            self._timer = self._loop.call_at(self._at, self._look, passed)
        else:
            passed()
