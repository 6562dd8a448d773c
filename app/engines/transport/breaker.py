"""A circuit breaker: stops requests to a failing replica, but no single client's failures stop those of others."""

from __future__ import annotations

import random
from collections import Counter

from .failures import Verdict

CONSECUTIVE = 5  # consecutive connection failures that open it
WINDOW = 60.0  # seconds for which an outcome counts
COOL_DOWN = 2.0  # seconds that it stays open; doubles each time that it opens again before a success
LONGEST_COOL_DOWN = 60.0  # seconds
FIRST_DOUBT = 0.5  # seconds; doubles with each failure before a success
LONGEST_DOUBT = 30.0  # seconds


class Breaker:
    """Closed: requests pass. Open: none pass until it has cooled down and a probe of ours was answered.

    No single client can open it while others are served. A refused connection is the replica's fault and always counts.
    A broken connection may be the request's fault: it counts as long as no other client succeeds. An error status, or
    an answer that is late or unusable, may also be the request's fault: it counts only if several clients fail and none
    succeeds. A client is identified by the short name of its API key, None if no key is required. Times are those of
    the event loop's clock, in seconds. ``closed``: requests may be sent.
    """

    def __init__(self) -> None:
        self.closed = True
        self._until = 0.0  # when it has cooled down
        self._cool_down = COOL_DOWN
        self._row: Counter[Verdict] = Counter()  # failures since the last success
        self._doubted_until = 0.0
        # When each client last succeeded, and when it last failed, unless it has succeeded since.
        self._succeeded: dict[str | None, float] = {}
        self._failed: dict[str | None, float] = {}

    def wait(self, now: float) -> float:
        """Return the seconds until a probe may close it; 0 if it is closed or has cooled down."""
        return 0.0 if self.closed else max(0.0, self._until - now)

    def doubted(self, now: float) -> bool:
        """Whether other replicas are preferred, because the last request to this one failed recently."""
        return now < self._doubted_until

    def succeeded(self, now: float, client: str | None) -> None:
        """Record an answer that arrived whole, or whose reader left."""
        self._succeeded[client] = now
        self._failed.pop(client, None)
        self._row.clear()
        self._doubted_until = 0.0
        self._cool_down = COOL_DOWN

    def failed(self, now: float, client: str | None, verdict: Verdict) -> bool:
        """Record a failed attempt with `Verdict.GONE`, `BROKEN` or `FAULTY`. Returns whether it opened the breaker."""
        if not self.closed:
            return False  # the attempt began before it opened
        self._failed[client] = now
        self._doubted_until = now + min(FIRST_DOUBT * 2 ** min(self._row.total(), 10), LONGEST_DOUBT)
        self._row[verdict] += 1
        failing = {other for other, at in self._failed.items() if now - at < WINDOW}
        working = {other for other, at in self._succeeded.items() if now - at < WINDOW}
        if verdict is Verdict.FAULTY:
            opens = len(failing) > 1 and not working
        elif verdict is Verdict.BROKEN:
            opens = self._row[Verdict.GONE] + self._row[Verdict.BROKEN] >= CONSECUTIVE and working <= failing
        else:
            opens = self._row[Verdict.GONE] >= CONSECUTIVE
        if opens:
            self.open(now)
        return opens

    def open(self, now: float) -> None:
        """Open it: no request passes until it has cooled down and a probe was answered."""
        self.closed = False
        # Jitter, so that workers do not all probe at the same time.
        self._until = now + self._cool_down * random.uniform(0.75, 1.25)
        self._cool_down = min(2 * self._cool_down, LONGEST_COOL_DOWN)
        self._failed.clear()
        self._row.clear()

    def mended(self, now: float) -> None:
        """Record an answered probe: close the breaker if it has cooled down."""
        if now >= self._until:
            self.closed = True
