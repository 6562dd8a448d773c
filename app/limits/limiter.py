"""Reserves what a request may take from its limits before it runs, and settles it when it has ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import astuple, dataclass, field

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
# A named tuple is made in half the time without its class's function, which counts for what each request makes several
# of.
_new = tuple.__new__
# Seconds for which the counts of a limit are kept, at least until its window ends.
_KEPT = {REQUESTS: 2 * WINDOW, TOKENS: 2 * WINDOW, DAY: 2 * 86400, CONCURRENT: 2 * WINDOW, MONTH: 32 * 86400}
_KEPT[MONEY] = _KEPT[MONTH]
# The measures that are corrected when it is known what a request used.
_CORRECTED = frozenset((TOKENS, DAY, MONTH, MONEY))


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose limits hold for a request: ``kind`` is ``key``, ``project`` or ``model``, ``name`` one that the others of
    its kind do not have."""

    kind: str
    name: str
    limits: Limits
    # What follows from these and is needed for each request: its name among the counts, the measures that have limits,
    # whether one is of places, and for how many seconds counts are kept.
    counted_as: str = field(init=False, compare=False, repr=False)
    pairs: Sequence[tuple[int, int]] = field(init=False, compare=False, repr=False)
    leased: bool = field(init=False, compare=False, repr=False)
    kept: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        limits = enumerate(astuple(self.limits))
        pairs = tuple((measure, min(limit, MOST)) for measure, limit in limits if limit is not None)
        object.__setattr__(self, "counted_as", f"{self.kind}:{self.name}")
        object.__setattr__(self, "pairs", pairs)
        object.__setattr__(self, "leased", any(measure == CONCURRENT for measure, _ in pairs))
        object.__setattr__(self, "kept", max((_KEPT[measure] for measure, _ in pairs), default=0))


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
        holds, kinds, impossible = _holds(subjects, tokens, money, explicit)
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
        granted, now, counts = reading
        headers = told.headers_of(holds, counts, now, granted or not self._enforce)
        worst = None if granted else told.worst(told.lines_of(kinds, holds, counts), now)
        if worst is not None and self._enforce:
            refusal = told.refusal(worst, now)
            refusal.headers.update((name.decode(), value.decode()) for name, value in headers)
            raise refusal
        for hold in holds:
            if hold.leased:
                self._leases[request] = [each.subject for each in holds if each.leased]
                break
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())
        return Reservation(headers, None if worst is None else told.name_of(worst), request, holds, now)

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
        tokens, money = min(tokens, MOST), min(money, MOST)
        subjects = []
        for name, claims, _, _ in reservation.holds:
            none = unused and any(name == subject.counted_as for subject in unused)
            differences = []
            for measure, _, amount in claims:
                if measure in _CORRECTED:
                    used = 0 if none else money if measure == MONEY else tokens
                    if used != amount:
                        differences.append((measure, used - amount))
            if differences:
                subjects.append((name, differences))
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


def _holds(
    subjects: Sequence[Subject], tokens: int, money: int, explicit: bool
) -> tuple[list[Hold], list[str], told.Line | None]:
    """Return what a request takes from the limits of its subjects, the kinds of these subjects, and a limit that can
    never allow the request."""
    tokens, money = min(tokens, MOST), min(money, MOST)
    # In the order of the measures.
    amounts = (1, tokens, tokens, 1, tokens, money)
    holds: list[Hold] = []
    kinds: list[str] = []
    impossible = None
    for subject in subjects:
        if not subject.pairs:
            continue
        claims = []
        for measure, limit in subject.pairs:
            amount = amounts[measure]
            if amount > limit:
                if explicit or limit == 0:
                    impossible = subject.kind, Claim(measure, limit, amount), _UNKNOWN
                else:
                    amount = limit
            claims.append(_new(Claim, (measure, limit, amount)))
        holds.append(Hold(subject.counted_as, claims, subject.leased, subject.kept))
        kinds.append(subject.kind)
    return holds, kinds, impossible
