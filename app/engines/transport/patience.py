"""Retries one request to a server that a supervisor restarts when it ends: the model process."""

from __future__ import annotations

import asyncio

from .failures import Cause, Failed

# In seconds: how long a request waits for a server that loads or restarts, and the interval between attempts.
PATIENCE = 2.0
_PAUSE = 0.05
_AT_ONCE = 0.5


class Patience:
    """Retries a request while no server accepts it, and once more if the server died before it answered.

    The second kind of retry happens only once, and only if the server died at once, which suggests that the process was
    already about to end. A request that itself kills the process must not kill it again and again.
    """

    def __init__(self) -> None:
        self._time = asyncio.get_running_loop().time
        self._asked = self._time()
        self._deadline = self._asked + PATIENCE
        self._lost = False

    def asks(self) -> None:
        """Record the start of an attempt."""
        self._asked = self._time()

    def pause(self, failed: Failed) -> float | None:
        """Return the seconds until the next attempt, None for no further attempt."""
        if failed.cause is Cause.LOST:
            if self._lost or self._time() - self._asked > _AT_ONCE:
                return None
            self._lost = True
        elif not (failed.cause is Cause.UNREACHABLE or failed.status == 503) or self._time() >= self._deadline:
            return None
        return _PAUSE
