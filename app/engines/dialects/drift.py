"""Counts the repairs to an upstream's answers, and the parameters that it did not honour, so that the operator learns
where it deviates from the API."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_log = logging.getLogger("parley")

# Minimum seconds between two log lines about the same upstream.
_PAUSE = 60.0


class Drift:
    """Counts of one upstream's deviations, by kind; ``counts`` never decrease.

    The kinds are fixed names, never texts that an upstream sent.
    """

    def __init__(self, upstream: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.upstream = upstream
        self.counts: dict[str, int] = {}
        self._clock = clock
        self._told: dict[str, int] = {}
        self._told_at: float | None = None

    def count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def tell(self, *, last: bool = False) -> None:
        """Log the counts added since the last line, at most once a minute unless this call is the ``last``."""
        now = self._clock()
        if self._told_at is not None and now - self._told_at < _PAUSE and not last:
            return
        new = {kind: count - self._told.get(kind, 0) for kind, count in sorted(self.counts.items())}
        told = ", ".join(f"{kind} {count}" for kind, count in new.items() if count)
        if told:
            _log.info("upstream %s: deviations in its answers: %s", self.upstream, told)
            self._told, self._told_at = dict(self.counts), now
