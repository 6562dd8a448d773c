"""An event loop whose clock jumps: where nothing is left to do but to wait for a timer, it is that time already.

Pauses and timeouts of a test then take no time, and which of two ends first is a matter of their lengths and not of
the machine. It is for tests whose other end runs on the same loop; work in threads is not waited for.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# Seconds that bytes on their way through the kernel, from one end to the other, are given before the clock jumps.
_ON_THE_WAY = 0.005


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    def _run_once(self) -> None:
        loop: Any = self  # what asyncio's own loops have
        while loop._scheduled and loop._scheduled[0].cancelled():
            # The clock would jump to it, and then wait for the next one.
            loop._timer_cancelled_count -= 1
            heapq.heappop(loop._scheduled)._scheduled = False
        if not loop._ready and loop._scheduled:
            connected = len(loop._selector.get_map()) > 1  # beside the loop's own
            events = loop._selector.select(_ON_THE_WAY if connected else 0)
            if events:
                loop._process_events(events)
            else:
                self._ahead += max(0.0, loop._scheduled[0].when() - self.time())
        super()._run_once()  # type: ignore[misc]


def run(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`."""
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(work)
