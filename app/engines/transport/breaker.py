"""A circuit breaker: keeps requests from a replica that fails, and from no other client those of one that it fails."""

from __future__ import annotations

import random
from collections import Counter

from .failures import Verdict

CONSECUTIVE = 5  # failures of the connection without a success between that open it
WINDOW = 60.0  # seconds for which an outcome counts
COOL_DOWN = 2.0  # seconds that it stays open; twice as long each time that it opens again before a success
LONGEST_COOL_DOWN = 60.0  # seconds
FIRST_DOUBT = 0.5  # seconds; twice as long with each failure before a success
LONGEST_DOUBT = 30.0  # seconds


class Breaker:
    """Closed: requests pass. Open: none do, until it has cooled down and a probe of ours was answered.

    What opens it is what no single client can bring about while others are served. That nobody can be connected to is
    the replica's fault. A connection that breaks may be the request's: it counts as long as no other client has
    success. So may a status, or an answer that is late or unusable: they count only where they befall several clients
    and none has success. A client is the short name of its API key, None where no key is asked for. Times are those of
    the event loop's clock, in seconds.
    """

    def __init__(self) -> None:
        self._until: float | None = None  # None: closed
        self._cool_down = COOL_DOWN
        self._row: Counter[Verdict] = Counter()  # failures since the last success
        self._doubted_until = 0.0
        # When each client last had success, and when it last failed, unless it had success since.
        self._succeeded: dict[str | None, float] = {}
        self._failed: dict[str | None, float] = {}

    @property
    def closed(self) -> bool:
        """Whether requests may be sent."""
        return self._until is None

    def wait(self, now: float) -> float:
        """Seconds until a probe may close it; 0 where it is closed or has cooled down."""
        return 0.0 if self._until is None else max(0.0, self._until - now)

    def doubted(self, now: float) -> bool:
        """Whether requests should rather go to another replica: the last of this one failed not long ago."""
        return now < self._doubted_until

    def succeeded(self, now: float, client: str | None) -> None:
        """An answer came whole, or was given up by its reader."""
        self._succeeded[client] = now
        self._failed.pop(client, None)
        self._row.clear()
        self._doubted_until = 0.0
        self._cool_down = COOL_DOWN

    def failed(self, now: float, client: str | None, verdict: Verdict) -> bool:
        """An attempt failed, with `Verdict.GONE`, `BROKEN` or `FAULTY`. Gives whether this opened the breaker."""
        if self._until is not None:
            return False  # it began before
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
        """Let no request pass until it has cooled down and was probed."""
        # Spread, so that workers do not all probe at the same time.
        self._until = now + self._cool_down * random.uniform(0.75, 1.25)
        self._cool_down = min(2 * self._cool_down, LONGEST_COOL_DOWN)
        self._failed.clear()
        self._row.clear()

    def mended(self, now: float) -> None:
        """A probe was answered: close, if it has cooled down."""
        if self._until is not None and now >= self._until:
            self._until = None
