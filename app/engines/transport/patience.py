"""How one request is repeated to a server that somebody starts again when it ends: the model process."""

from __future__ import annotations

import asyncio

from .failures import Cause, Failed

# How long a request waits for a server that loads or is started again, and how often it asks, in seconds.
PATIENCE = 2.0
_PAUSE = 0.05
_AT_ONCE = 0.5


class Patience:
    """Repeats a request while nobody takes it, and once more when the server died under it.

    Only once, and only when it died at once, as a request does that met a process about to end: one that kills the
    process itself must not kill it again and again.
    """

    def __init__(self) -> None:
        self._time = asyncio.get_running_loop().time
        self._asked = self._time()
        self._deadline = self._asked + PATIENCE
        self._lost = False

    def asks(self) -> None:
        """An attempt begins."""
        self._asked = self._time()

    def pause(self, failed: Failed) -> float | None:
        """Seconds until the next attempt, None if there is to be none."""
        if failed.cause is Cause.LOST:
            if self._lost or self._time() - self._asked > _AT_ONCE:
                return None
            self._lost = True
        elif not (failed.cause is Cause.UNREACHABLE or failed.status == 503) or self._time() >= self._deadline:
            return None
        return _PAUSE
