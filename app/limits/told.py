"""What clients are told of limits: the headers of an answer, and why a request is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import ApiError, QuotaExceeded, RateLimited
from .calendar import end_of_day, end_of_month
from .counts import CONCURRENT, DAY, MONEY, MONTH, REQUESTS, TOKENS, WINDOW, Claim, Count, Hold
from .limits import BILLION, MEASURES

# Seconds after which a request is tried again that found no place: nobody knows when one gets free.
_PLACE_PAUSE = 1.0
_OWNERS = {"key": "this API key", "project": "the project of this API key", "model": "this model"}

_REQUESTS_HEADERS = (b"x-ratelimit-limit-requests", b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests")
_TOKENS_HEADERS = (b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens")

# The kind of a subject, what the request takes from its limit, and what stood against it before.
Line = tuple[str, Claim, Count]


def duration(seconds: float) -> str:
    """Return a duration as OpenAI writes it in headers, which is how Go does: ``6ms``, ``1s``, ``1.5s``, ``6m0s``,
    ``1h0m0s``. It is rounded up to milliseconds."""
    milliseconds = max(math.ceil(round(seconds * 1000, 3)), 0)
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, milliseconds = divmod(milliseconds, 60_000)
    whole, thousandths = divmod(milliseconds, 1000)
    text = f"{whole}.{thousandths:03d}".rstrip("0") + "s" if thousandths else f"{whole}s"
    if minutes >= 60:
        return f"{minutes // 60}h{minutes % 60}m{text}"
    return f"{minutes}m{text}" if minutes else text


def headers_of(holds: Sequence[Hold], counts: Sequence[Count], now: float, counted: bool) -> list[tuple[bytes, bytes]]:
    """Return OpenAI's headers on requests and on tokens, each of the limit of which the least is left. ``counts`` are
    those of all claims in turn; ``counted``: the request itself counts."""
    of_requests: tuple[int, int, float] | None = None
    of_tokens: tuple[int, int, float] | None = None
    count = iter(counts)
    for _, claims, _, _ in holds:
        for (measure, limit, amount), (used, _, newest) in zip(claims, count, strict=False):
            if measure > DAY:
                continue
            left = limit - used - amount if counted else limit - used
            if left < 0:
                left = 0
            tightest = of_requests if measure == REQUESTS else of_tokens
            if tightest is not None and left >= tightest[1]:
                continue
            if measure == DAY:
                reset = end_of_day(now) - now
            else:
                reset = (int(now) if counted else newest) + WINDOW - now if used or counted else 0.0
            if measure == REQUESTS:
                of_requests = limit, left, reset
            else:
                of_tokens = limit, left, reset
    headers: list[tuple[bytes, bytes]] = []
    written, text = -1.0, b""
    for found, names in ((of_requests, _REQUESTS_HEADERS), (of_tokens, _TOKENS_HEADERS)):
        if found is None:
            continue
        limit, left, reset = found
        if reset != written:
            written, text = reset, duration(reset).encode()
        headers += ((names[0], b"%d" % limit), (names[1], b"%d" % left), (names[2], text))
    return headers


def lines_of(kinds: Sequence[str], holds: Sequence[Hold], counts: Sequence[Count]) -> list[Line]:
    """Return the lines of all claims in turn; ``kinds`` are those of the subjects of ``holds``."""
    claims = [(kind, claim) for kind, hold in zip(kinds, holds, strict=True) for claim in hold.claims]
    return [(kind, claim, count) for (kind, claim), count in zip(claims, counts, strict=True)]


def worst(lines: Sequence[Line], now: float) -> Line | None:
    """Return the exceeded limit that takes longest to allow the request; None if none is exceeded."""
    exceeded = [line for line in lines if line[2].used + line[1].amount > line[1].limit]
    return max(exceeded, key=lambda line: wait_of(line, now), default=None)


def name_of(line: Line) -> str:
    """Return the name of a limit for a log, such as ``project tokens_per_minute``."""
    return f"{line[0]} {MEASURES[line[1].measure]}"


def wait_of(line: Line, now: float) -> float:
    """Return the seconds after which the limit can allow the request, at the earliest."""
    _, claim, count = line
    if claim.measure == DAY:
        return end_of_day(now) - now
    if claim.measure in (MONTH, MONEY):
        return end_of_month(now) - now
    return _PLACE_PAUSE if claim.measure == CONCURRENT else max(count.free - now, 0.001)


def refusal(line: Line, now: float) -> ApiError:
    """Return the error for a request that a limit does not allow now."""
    measure = line[1].measure
    wait = wait_of(line, now)
    if measure == CONCURRENT:
        return RateLimited(f"Rate limit reached: {_limit(line)}. Try again when one has ended.", retry_after=wait)
    if measure == REQUESTS:
        return RateLimited(f"Rate limit reached: {_limit(line)}. Try again in {duration(wait)}.", retry_after=wait)
    if measure in (TOKENS, DAY):
        text = f"Rate limit reached: {_limit(line)}, {_state(line)}. Try again in {duration(wait)}, or {_LESS}."
        return RateLimited(text, retry_after=wait)
    text = f"Budget used up: {_limit(line)}, {_state(line)}. It is renewed in {duration(wait)}; until then, {_LESS}."
    return QuotaExceeded(text, retry_after=wait)


def too_large(line: Line) -> RateLimited:
    """Return the error for a request that takes more than a limit ever allows."""
    _, claim, _ = line
    if claim.limit == 0:
        return RateLimited(f"Rate limit reached: {_limit(line)}, which allows nothing.", retry_after=None)
    asked = _amount(claim.measure, claim.amount)
    return RateLimited(
        f"Request too large: {_limit(line)}, and this request may take {asked}. Send less, and {_LESS}.",
        retry_after=None,
    )


_LESS = "lower max_completion_tokens"


def _limit(line: Line) -> str:
    kind, claim, _ = line
    return f"{MEASURES[claim.measure]} of {_OWNERS[kind]} is {_amount(claim.measure, claim.limit)}"


def _state(line: Line) -> str:
    _, (measure, limit, amount), count = line
    return f"{_amount(measure, max(limit - count.used, 0))} left, and this request may take {_amount(measure, amount)}"


def _amount(measure: int, amount: int) -> str:
    return f"{amount / BILLION:.9f}".rstrip("0").rstrip(".") if measure == MONEY else str(amount)
