"""Reserves what a request may take from its limits before it runs, and settles it when it has ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import astuple, dataclass, field
from functools import lru_cache

from ..errors import LimitsUnavailable
from ..settings import Settings, state_folder
from . import told
from .counts import (
    CONCURRENT,
    DAY,
    DONE,
    MONEY,
    MONTH,
    MOST,
    RENEWAL,
    REQUESTS,
    TOKENS,
    WINDOW,
    Claim,
    Correction,
    Count,
    Counts,
    Hold,
    Unavailable,
)
from .limits import Limits

log = logging.getLogger("parley")

_FILE = "limits.sqlite3"
_UNKNOWN = Count(0, 0, 0)
# Seconds for which the counts of a limit are kept, at least until its window ends.
_KEPT = {REQUESTS: 2 * WINDOW, TOKENS: 2 * WINDOW, DAY: 2 * 86400, CONCURRENT: 2 * WINDOW, MONTH: 32 * 86400}
_KEPT[MONEY] = _KEPT[MONTH]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose limits hold for a request: ``kind`` is ``key``, ``project`` or ``model``, ``name`` one that the others of
    its kind do not have."""

    kind: str
    name: str
    limits: Limits


@dataclass(slots=True, eq=False)
class Reservation:
    """What was reserved for a request. ``headers`` belong to its answer. ``exceeded`` names the limit that would have
    refused it if limits were enforced, such as ``project tokens_per_minute``."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    exceeded: str | None = None
    # The name of the request among the counts, None if nothing is to be settled; what was counted, and when.
    request: str | None = None
    holds: Sequence[Hold] = ()
    now: float = 0.0


class RateLimiter:
    """The limits of a worker, by counts that it shares with others. ``enforce``: refuse what a limit does not allow,
    otherwise name it. ``open``: let requests pass while the counts are unavailable."""

    def __init__(self, counts: Counts, *, enforce: bool = True, open: bool = False) -> None:
        self._counts = counts
        self._enforce = enforce
        self._open = open
        self._available = True
        self._task: asyncio.Task[None] | None = None
        self._name = secrets.token_hex(8)
        self._number = 0
        # The subjects in which running requests have places.
        self._leases: dict[str, Sequence[str]] = {}

    async def start(self) -> None:
        """Open the counts; if they are unavailable, the log says so. A limiter works without having been started, too;
        then the first request opens them."""
        try:
            await self._counts.open()
        except Unavailable as error:
            self._fail(error)

    async def close(self) -> None:
        """Write what is left, for some seconds at most."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._counts.close()

    async def reserve(
        self, subjects: Sequence[Subject], *, tokens: int, money: int, explicit: bool = False
    ) -> Reservation:
        """Reserve the most that a request may take: ``tokens``, and ``money`` in billionths of the currency.

        ``explicit``: the client asked for so many tokens. Otherwise they are assumed, and a request that seems to take
        more than a whole limit may run if nothing else is counted against that limit.

        Raises:
            RateLimited: a limit does not allow it now, or ever.
            QuotaExceeded: a budget of the month does not allow it.
            LimitsUnavailable: the counts are unavailable, and requests do not pass then.
        """
        holds, claims, impossible = _holds(subjects, tokens, money, explicit)
        if not holds:
            return Reservation()
        if impossible is not None and self._enforce:
            raise told.too_large(impossible)
        self._number += 1
        request = f"{self._name}-{self._number:x}"
        try:
            reading = await self._counts.reserve(request, holds, not self._enforce)
        except Unavailable as error:
            self._fail(error)
            if self._open:
                return Reservation()
            raise LimitsUnavailable("The limits of this API key cannot be read now. Try again later.") from error
        if not self._available:
            self._available = True
            log.info("what limits count can be read again")
        lines = [(kind, claim, count) for (kind, claim), count in zip(claims, reading.counts, strict=True)]
        headers = told.headers_of(lines, reading.now, reading.granted or not self._enforce)
        worst = None if reading.granted else told.worst(lines, reading.now)
        if worst is not None and self._enforce:
            refusal = told.refusal(worst, reading.now)
            refusal.headers.update(headers)
            raise refusal
        leases = [hold.subject for hold in holds if hold.leased]
        if leases:
            self._leases[request] = leases
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())
        return Reservation(
            [(name.encode(), value.encode()) for name, value in headers],
            None if worst is None else told.name_of(worst),
            request,
            holds,
            reading.now,
        )

    def settle(
        self, reservation: Reservation, *, tokens: int, money: int, unused: Sequence[Subject] = ()
    ) -> Awaitable[object]:
        """Correct what was reserved to what was used, and end the request's places; ``unused`` are subjects of which
        nothing was used. Only the first call for a reservation counts. It is done whether or not the result is awaited;
        who awaits it knows that a next request finds the counts corrected, if they are available. It raises
        nothing."""
        request, reservation.request = reservation.request, None
        if request is None:
            return DONE
        free = {_name_of(subject) for subject in unused}
        subjects = []
        for hold in reservation.holds:
            of_tokens, of_money = (0, 0) if hold.subject in free else (tokens, money)
            used = {TOKENS: of_tokens, DAY: of_tokens, MONTH: of_tokens, MONEY: of_money}
            differences = [
                (claim.measure, min(used[claim.measure], MOST) - claim.amount)
                for claim in hold.claims
                if claim.measure in used and used[claim.measure] != claim.amount
            ]
            if differences:
                subjects.append((hold.subject, differences))
        return self._counts.correct(Correction(request, reservation.now, subjects, self._leases.pop(request, ())))

    def _fail(self, error: Unavailable) -> None:
        if self._available:
            self._available = False
            what = "requests pass uncounted" if self._open else "requests that have limits are refused"
            log.error("what limits count cannot be read (%s): %s", error, what)

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew())
            group.create_task(self._keep_up())

    async def _renew(self) -> None:
        """Renew the places of running requests, for as long as the worker runs."""
        while True:
            await asyncio.sleep(RENEWAL)
            if self._leases:
                self._counts.renew(self._leases)

    async def _keep_up(self) -> None:
        """Do what else is due, which may wait for a disk."""
        while True:
            await asyncio.sleep(1)
            with contextlib.suppress(Unavailable):
                await self._counts.upkeep()


def limiter_of(settings: Settings) -> RateLimiter:
    """Return a limiter whose counts are where the settings say. No file is made and nothing connected before it is
    started, or a request has limits.

    Raises:
        ConfigurationError: the address of Redis cannot be used.
    """
    counts: Counts
    if settings.redis is not None:
        # Imported only if it is used.
        from .redis_counts import RedisCounts

        counts = RedisCounts(settings.redis)
    else:
        from .sqlite_counts import SqliteCounts

        counts = SqliteCounts(state_folder(settings) / _FILE)
    return RateLimiter(counts, enforce=settings.limits == "enforce", open=settings.limits_unavailable == "open")


def _name_of(subject: Subject) -> str:
    return f"{subject.kind}:{subject.name}"


@lru_cache(maxsize=1024)
def _set(limits: Limits) -> tuple[tuple[tuple[int, int], ...], bool, int]:
    """Return the measures that have limits, whether one is of places, and for how many seconds counts are kept."""
    pairs = tuple((measure, min(limit, MOST)) for measure, limit in enumerate(astuple(limits)) if limit is not None)
    return (
        pairs,
        any(measure == CONCURRENT for measure, _ in pairs),
        max((_KEPT[measure] for measure, _ in pairs), default=0),
    )


def _holds(
    subjects: Sequence[Subject], tokens: int, money: int, explicit: bool
) -> tuple[list[Hold], list[tuple[str, Claim]], told.Line | None]:
    """Return what a request takes from the limits of its subjects; each claim with the kind of its subject; and a limit
    that can never allow the request."""
    tokens, money = min(tokens, MOST), min(money, MOST)
    amounts = {REQUESTS: 1, TOKENS: tokens, DAY: tokens, CONCURRENT: 1, MONTH: tokens, MONEY: money}
    holds: list[Hold] = []
    lines: list[tuple[str, Claim]] = []
    impossible = None
    for subject in subjects:
        pairs, leased, kept = _set(subject.limits)
        if not pairs:
            continue
        claims = []
        for measure, limit in pairs:
            amount = amounts[measure]
            if amount > limit:
                if explicit or limit == 0:
                    impossible = subject.kind, Claim(measure, limit, amount), _UNKNOWN
                else:
                    amount = limit
            claims.append(claim := Claim(measure, limit, amount))
            lines.append((subject.kind, claim))
        holds.append(Hold(_name_of(subject), claims, leased, kept))
    return holds, lines, impossible
