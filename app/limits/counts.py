"""What is counted for a request, and what keeps the counts: a file, or Redis."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .limits import MEASURES

REQUESTS, TOKENS, DAY, CONCURRENT, MONTH, MONEY = map(
    MEASURES.index,
    (
        "requests_per_minute",
        "tokens_per_minute",
        "tokens_per_day",
        "concurrent_requests",
        "tokens_per_month",
        "money_per_month",
    ),
)
# Seconds for which a slot of one second counts: a request at its beginning counts for 60 seconds, one at its end for a
# little more than 59. Were it the other way round, clients would be told to wait for more than 60 seconds, and OpenAI's
# SDKs do not wait for so long.
WINDOW = 60
# Seconds after which the place of a concurrent request is free unless its worker renews it, and between two renewals.
LEASE = 30
RENEWAL = 10
# The highest amount that is counted as it is: what a double holds exactly.
MOST = 1 << 53


class Claim(NamedTuple):
    """An amount that a request takes from a limit; ``measure`` is the limit's place in `MEASURES`."""

    measure: int
    limit: int
    amount: int


class Hold(NamedTuple):
    """What a request takes from the limits of one subject, which has such a name as ``key:NAME``. ``leased``: it takes
    one of the subject's places. ``kept`` is for how many seconds the counts must be kept."""

    subject: str
    claims: Sequence[Claim]
    leased: bool
    kept: int


class Count(NamedTuple):
    """What stood against a limit before the request. ``free`` is the time, in whole seconds, from which enough of a
    minute's count is gone; 0 if it is enough now, or the limit is not of a minute. ``newest`` is the second of the
    newest of the minute's slots."""

    used: int
    free: int
    newest: int


class Reading(NamedTuple):
    """The answer to a reservation at the time ``now``: whether it was made, and the count of each claim in turn."""

    granted: bool
    now: float
    counts: Sequence[Count]


class Correction(NamedTuple):
    """The difference between what a request used and what was reserved for it at the time ``now``: for each subject,
    pairs of a measure and an amount. ``leases`` are the subjects in which it has a place, which ends."""

    request: str
    now: float
    subjects: Sequence[tuple[str, Sequence[tuple[int, int]]]]
    leases: Sequence[str]


class Unavailable(Exception):
    """The counts cannot be read or written now; the text says why, for the log."""


class Counts(Protocol):
    """Counts that several processes share. A request is known by a name that no other one has."""

    async def open(self) -> None:
        """Make the counts ready to use.

        Raises:
            Unavailable: they cannot be used now; later calls try again.
        """

    async def reserve(self, request: str, holds: Sequence[Hold], force: bool) -> Reading:
        """Count a request for all its subjects, or for none if a limit is exceeded; ``force`` counts it anyway.

        Raises:
            Unavailable: nothing was counted, or nobody knows; then it stays counted until its windows end.
        """

    def correct(self, correction: Correction) -> Awaitable[object]:
        """Correct what was reserved to what was used. It is done whether or not the result is awaited, and tried again
        while the counts are unavailable."""

    def renew(self, leases: Mapping[str, Sequence[str]]) -> None:
        """Renew the places of all running requests: the subjects in which each has one. It is done later; if it cannot
        be done, the next renewal does it."""

    async def upkeep(self) -> None:
        """What is to be done each second: corrections that are left over, and what is out of date.

        Raises:
            Unavailable: it cannot be done now.
        """

    async def close(self) -> None:
        """Write what is left, for a short time at most, and close."""


def undoing(request: str, holds: Sequence[Hold], now: float) -> Correction:
    """Return the correction of a request that was counted at the time ``now`` and does not run."""
    subjects = [
        (hold.subject, [(claim.measure, -claim.amount) for claim in hold.claims if claim.measure != CONCURRENT])
        for hold in holds
    ]
    return Correction(request, now, subjects, [hold.subject for hold in holds if hold.leased])


class Done:
    """Something to await that is done already."""

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield


DONE = Done()
