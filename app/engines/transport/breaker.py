"""A circuit breaker: keeps requests from a replica that fails, and lets one through now and then for a trial."""

from __future__ import annotations

import random
from collections import deque

CONSECUTIVE = 5  # failures in a row that open it
WINDOW = 20  # attempts over which the rate is taken, once there are that many
RATE = 0.5  # of failures among them that opens it
COOL_DOWN = 2.0  # seconds that it stays open; twice as long each time that the trial fails
LONGEST_COOL_DOWN = 60.0  # seconds


class Breaker:
    """Closed: requests pass. Open: none do. Half-open, once it has cooled down: one request is tried.

    Times are those of the event loop's clock, in seconds. What `claim` gives belongs to the attempt and goes back with
    its outcome: an attempt that began before the breaker opened does not decide about the trial.
    """

    def __init__(self) -> None:
        self._until: float | None = None  # None: closed
        self._cool_down = COOL_DOWN
        self._trial = False
        self._row = 0
        self._window: deque[bool] = deque(maxlen=WINDOW)

    @property
    def closed(self) -> bool:
        return self._until is None

    def allows(self, now: float) -> bool:
        """Whether a request may be sent."""
        return self._until is None or (now >= self._until and not self._trial)

    def wait(self, now: float) -> float:
        """Seconds until the next trial; 0 where a request may be sent."""
        return 0.0 if self._until is None else max(0.0, self._until - now)

    def claim(self) -> bool:
        """An attempt begins. Gives whether it is the trial."""
        if self._until is None:
            return False
        self._trial = True
        return True

    def answered(self, trial: bool) -> None:
        """The first byte came: a trial has shown what it was to show."""
        if trial:
            self._until, self._trial, self._cool_down, self._row = None, False, COOL_DOWN, 0
            self._window.clear()

    def succeeded(self) -> None:
        """An answer came whole, or was given up by its reader."""
        self._row = 0
        self._window.append(False)

    def released(self, trial: bool) -> None:
        """An attempt ended and shows nothing: cancelled, or refused in a way that speaks of the request alone."""
        if trial:
            self._trial = False

    def failed(self, now: float, trial: bool, *, broken: bool = True) -> bool:
        """An attempt failed. Gives whether this opened the breaker, for the first time or again.

        ``broken`` says that the replica is at fault for certain; otherwise it may be the request, and such failures
        count only towards the rate, so that a client that repeats one bad request shuts nobody out so soon.
        """
        if self._until is not None:
            if trial:
                self._trial = False
                self.extend(now)
            return trial
        self._window.append(True)
        self._row += broken
        if self._row >= CONSECUTIVE or (len(self._window) == WINDOW and sum(self._window) >= RATE * WINDOW):
            self.open(now)
            return True
        return False

    def open(self, now: float) -> None:
        """Let no request pass until it has cooled down."""
        self._row = 0
        self._window.clear()
        self._trial = False
        # Spread, so that workers do not all try at the same time.
        self._until = now + self._cool_down * random.uniform(0.75, 1.25)

    def extend(self, now: float) -> None:
        """Open again, for longer: it was seen to be broken still."""
        self._cool_down = min(2 * self._cool_down, LONGEST_COOL_DOWN)
        self.open(now)

    def cool(self, now: float) -> None:
        """Half-open at once: there is a sign that it mended."""
        if self._until is not None:
            self._until = min(self._until, now)
