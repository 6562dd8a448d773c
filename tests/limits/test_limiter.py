"""What a request with limits is allowed, what it is told, and what it is counted with in the end."""

from __future__ import annotations

import asyncio
from calendar import timegm
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.errors import ConfigurationError, LimitsUnavailable, QuotaExceeded, RateLimited
from app.limits.limiter import RateLimiter, Reservation, Subject, limiter_of
from app.limits.limits import BILLION, Limits
from app.limits.told import duration
from app.settings import Settings

from .conftest import Kind

NOON = float(timegm((2026, 12, 1, 12, 0, 0)))


def run(kind: Kind, test: Callable[[RateLimiter], Awaitable[None]], *, enforce: bool = True) -> None:
    """Run a test with a limiter at noon."""

    async def whole() -> None:
        kind.clock.set(NOON)
        limiter = RateLimiter(kind.counts(), enforce=enforce)
        await limiter.start()
        await test(limiter)
        await limiter.close()

    asyncio.run(whole())


def key(**limits: int) -> Subject:
    return Subject("key", "team-a", Limits(**limits))


async def reserve(limiter: RateLimiter, *subjects: Subject, tokens: int = 10, explicit: bool = False) -> Reservation:
    return await limiter.reserve(subjects, tokens=tokens, money=tokens * BILLION, explicit=explicit)


async def refused(limiter: RateLimiter, *subjects: Subject, tokens: int = 10, explicit: bool = False) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        await reserve(limiter, *subjects, tokens=tokens, explicit=explicit)
    assert "team" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("limits", "message", "wait"),
    [
        (
            {"requests_per_minute": 1},
            "Rate limit reached: requests_per_minute of this API key is 1. Try again in 58.5s.",
            "58500",
        ),
        (
            {"tokens_per_minute": 15},
            "Rate limit reached: tokens_per_minute of this API key is 15, 5 left, and this request may take 10. "
            "Try again in 58.5s, or lower max_completion_tokens.",
            "58500",
        ),
        (
            {"tokens_per_day": 15},
            "Rate limit reached: tokens_per_day of this API key is 15, 5 left, and this request may take 10. "
            "Try again in 11h59m58.5s, or lower max_completion_tokens.",
            "43198500",
        ),
        (
            {"concurrent_requests": 1},
            "Rate limit reached: concurrent_requests of this API key is 1. Try again when one has ended.",
            "1000",
        ),
    ],
)
def test_a_refusal_names_the_limit_its_value_and_when_to_try_again(
    kind: Kind, limits: dict[str, int], message: str, wait: str
) -> None:
    async def test(limiter: RateLimiter) -> None:
        await reserve(limiter, key(**limits))
        kind.clock.set(NOON + 1.5)
        error = await refused(limiter, key(**limits))
        assert (error.status, error.code, error.type) == (429, "rate_limit_exceeded", "rate_limit_error")
        assert error.message == message
        assert error.headers["retry-after-ms"] == wait
        assert error.headers["retry-after"] == str(-(-int(wait) // 1000))

    run(kind, test)


def test_a_request_passes_after_the_time_that_its_refusal_told(kind: Kind) -> None:
    async def test(limiter: RateLimiter) -> None:
        mine = key(tokens_per_minute=100)
        for now, tokens in ((0.25, 40), (7.75, 30), (20.5, 30)):
            kind.clock.set(NOON + now)
            await reserve(limiter, mine, tokens=tokens)
        kind.clock.set(NOON + 30)
        error = await refused(limiter, mine, tokens=60)
        later = NOON + 30 + int(error.headers["retry-after-ms"]) / 1000
        kind.clock.set(later - 0.001)
        await refused(limiter, mine, tokens=60)
        kind.clock.set(later)
        await reserve(limiter, mine, tokens=60)

    run(kind, test)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"tokens_per_month": 15}, "tokens_per_month of the project of this API key is 15, 5 left"),
        (
            {"money_per_month": 12 * BILLION + BILLION // 2},
            "money_per_month of the project of this API key is 12.5, 2.5",
        ),
    ],
)
def test_a_budget_that_is_used_up_is_told_until_when(kind: Kind, limits: dict[str, int], told: str) -> None:
    async def test(limiter: RateLimiter) -> None:
        mine = Subject("project", "team", Limits(**limits))
        await reserve(limiter, mine)
        error = await refused(limiter, mine)
        assert isinstance(error, QuotaExceeded)
        assert (error.status, error.code, error.type) == (429, "insufficient_quota", "insufficient_quota")
        assert error.message.startswith(f"Budget used up: {told}")
        assert error.headers["retry-after"] == str(timegm((2027, 1, 1, 0, 0, 0)) - int(NOON))
        assert error.headers["x-should-retry"] == "false"

    run(kind, test)


@pytest.mark.parametrize("measure", ["tokens_per_minute", "tokens_per_day", "tokens_per_month", "money_per_month"])
def test_a_request_that_asks_for_more_than_a_limit_is_refused_for_good(kind: Kind, measure: str) -> None:
    async def test(limiter: RateLimiter) -> None:
        mine = key(**{measure: 5})
        error = await refused(limiter, mine, tokens=6, explicit=True)
        assert error.headers == {"x-should-retry": "false"}
        assert error.message.startswith(f"Request too large: {measure} of this API key is ")
        assert error.message.endswith("Send less, and lower max_completion_tokens.")
        # It counted nothing.
        await limiter.reserve([mine], tokens=5, money=5, explicit=True)

    run(kind, test)


@pytest.mark.parametrize("measure", ["tokens_per_minute", "tokens_per_day", "tokens_per_month"])
def test_a_request_of_unknown_size_runs_when_nothing_else_is_counted(kind: Kind, measure: str) -> None:
    async def test(limiter: RateLimiter) -> None:
        mine = key(**{measure: 100})
        first = await reserve(limiter, mine, tokens=5000)
        await refused(limiter, mine, tokens=1)
        await limiter.settle(first, tokens=30, money=0)
        await refused(limiter, mine, tokens=5000)
        await reserve(limiter, mine, tokens=70)

    run(kind, test)


@pytest.mark.parametrize("measure", Limits.__slots__)
def test_a_limit_of_zero_allows_nothing(kind: Kind, measure: str) -> None:
    async def test(limiter: RateLimiter) -> None:
        error = await refused(limiter, key(**{measure: 0}))
        assert error.headers == {"x-should-retry": "false"}
        assert error.message == f"Rate limit reached: {measure} of this API key is 0, which allows nothing."

    run(kind, test)


def test_what_was_reserved_is_corrected_once_to_what_was_used(kind: Kind) -> None:
    async def test(limiter: RateLimiter) -> None:
        mine = key(tokens_per_minute=100, tokens_per_day=100, money_per_month=100 * BILLION, concurrent_requests=1)
        first = await reserve(limiter, mine, tokens=90)
        await refused(limiter, mine, tokens=50)
        await limiter.settle(first, tokens=20, money=20 * BILLION)
        await limiter.settle(first, tokens=0, money=0)
        await refused(limiter, mine, tokens=81)
        second = await reserve(limiter, mine, tokens=50)
        # More than reserved, too.
        await limiter.settle(second, tokens=80, money=80 * BILLION)
        await refused(limiter, mine, tokens=1)

    run(kind, test)


def test_a_settlement_that_nobody_awaits_is_made(kind: Kind) -> None:
    async def test(limiter: RateLimiter) -> None:
        mine = key(concurrent_requests=1)
        limiter.settle(await reserve(limiter, mine), tokens=1, money=0)
        await reserve(limiter, mine)

    run(kind, test)


def test_the_limits_of_key_project_and_model_hold_together(kind: Kind) -> None:
    async def test(limiter: RateLimiter) -> None:
        project = Subject("project", "p", Limits(requests_per_minute=3))
        model = Subject("model", "m", Limits(requests_per_minute=4))
        for name in ("a", "b", "c"):
            await reserve(limiter, Subject("key", name, Limits(requests_per_minute=1)), project, model)
        error = await refused(limiter, Subject("key", "d", Limits(requests_per_minute=1)), project, model)
        assert "of the project of this API key is 3" in error.message
        await reserve(limiter, Subject("key", "d", Limits(requests_per_minute=1)), model)
        assert "this model is 4" in (await refused(limiter, Subject("key", "e", Limits()), model)).message

    run(kind, test)


def test_the_limit_that_takes_longest_is_told(kind: Kind) -> None:
    async def test(limiter: RateLimiter) -> None:
        mine = key(requests_per_minute=1, tokens_per_day=10, concurrent_requests=1)
        await reserve(limiter, mine)
        assert "tokens_per_day" in (await refused(limiter, mine)).message

    run(kind, test)


def test_headers_tell_of_the_limits_with_the_least_left(kind: Kind) -> None:
    async def test(limiter: RateLimiter) -> None:
        mine = key(requests_per_minute=10, tokens_per_minute=1000)
        project = Subject("project", "p", Limits(requests_per_minute=5, tokens_per_minute=20_000))
        kind.clock.set(NOON + 0.25)
        made = await reserve(limiter, mine, project, tokens=100)
        assert made.headers == [
            (b"x-ratelimit-limit-requests", b"5"),
            (b"x-ratelimit-remaining-requests", b"4"),
            (b"x-ratelimit-reset-requests", b"59.75s"),
            (b"x-ratelimit-limit-tokens", b"1000"),
            (b"x-ratelimit-remaining-tokens", b"900"),
            (b"x-ratelimit-reset-tokens", b"59.75s"),
        ]
        kind.clock.set(NOON + 59)
        error = await refused(limiter, mine, project, tokens=901)
        told = {name: value for name, value in error.headers.items() if name.startswith("x-ratelimit")}
        assert told == {
            "x-ratelimit-limit-requests": "5",
            "x-ratelimit-remaining-requests": "4",
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-limit-tokens": "1000",
            "x-ratelimit-remaining-tokens": "900",
            "x-ratelimit-reset-tokens": "1s",
        }

    run(kind, test)


def test_a_request_without_such_limits_has_no_headers(kind: Kind) -> None:
    async def test(limiter: RateLimiter) -> None:
        assert (await reserve(limiter, key(concurrent_requests=1, tokens_per_month=10_000))).headers == []

    run(kind, test)


def test_in_the_shadow_everything_passes_is_counted_and_named(kind: Kind) -> None:
    async def test(limiter: RateLimiter) -> None:
        mine = key(requests_per_minute=1, tokens_per_minute=15)
        assert (await reserve(limiter, mine)).exceeded is None
        kind.clock.set(NOON + 1)
        second = await reserve(limiter, mine)
        assert second.exceeded in ("key requests_per_minute", "key tokens_per_minute")
        assert (b"x-ratelimit-remaining-requests", b"0") in second.headers
        assert (await reserve(limiter, key(tokens_per_day=5), explicit=True)).exceeded == "key tokens_per_day"

    run(kind, test, enforce=False)


def test_a_request_without_limits_costs_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        limiter = limiter_of(Settings(state_dir=tmp_path / "state"))
        made = await reserve(limiter, key(), Subject("model", "m", Limits()))
        await limiter.settle(made, tokens=10, money=0)
        await limiter.close()
        assert not (tmp_path / "state").exists()

    asyncio.run(test())


def test_a_client_that_leaves_while_it_waits_takes_nothing(kind: Kind) -> None:
    async def test(limiter: RateLimiter) -> None:
        mine = key(concurrent_requests=1, tokens_per_day=100)
        for ticks in range(6):
            task = asyncio.ensure_future(reserve(limiter, mine, tokens=100))
            for _ in range(ticks):
                await asyncio.sleep(0)
            task.cancel()
            made = (await asyncio.gather(task, return_exceptions=True))[0]
            if isinstance(made, Reservation):
                await limiter.settle(made, tokens=0, money=0)
            else:
                assert isinstance(made, asyncio.CancelledError)
            # What was under way has come back before this one's turn.
            for _ in range(2):
                try:
                    await limiter.settle(await reserve(limiter, mine, tokens=100), tokens=0, money=0)
                    break
                except RateLimited:
                    continue
            else:
                pytest.fail(f"its place is taken after {ticks} turns of the loop")

    run(kind, test)


@pytest.mark.parametrize(("enough", "error"), [("closed", True), ("open", False)])
def test_a_file_that_cannot_be_opened_refuses_or_lets_pass_as_the_setting_says(
    tmp_path: Path, enough: str, error: bool, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")

    async def test() -> None:
        limiter = limiter_of(Settings(state_dir=tmp_path / "state", limits_unavailable=enough))  # type: ignore[arg-type]
        for _ in range(3):
            if error:
                with pytest.raises(LimitsUnavailable) as caught:
                    await reserve(limiter, key(requests_per_minute=1))
                assert (caught.value.status, caught.value.code) == (503, "limits_unavailable")
                assert "retry-after" in caught.value.headers
            else:
                made = await reserve(limiter, key(requests_per_minute=1))
                await limiter.settle(made, tokens=1, money=0)
        await limiter.close()

    asyncio.run(test())
    assert len([record for record in caplog.records if "limits" in record.message]) == 1


def test_an_address_of_redis_that_cannot_be_used_ends_the_start() -> None:
    with pytest.raises(ConfigurationError, match="PARLEY_REDIS"):
        limiter_of(Settings(redis="http://localhost"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-1, "0s"),
        (0.006, "6ms"),
        (0.0001, "1ms"),
        (0.9994, "1s"),
        (1, "1s"),
        (1.5, "1.5s"),
        (59.98, "59.98s"),
        (60, "1m0s"),
        (86.4, "1m26.4s"),
        (360, "6m0s"),
        (3600, "1h0m0s"),
        (86399, "23h59m59s"),
        (90061, "25h1m1s"),
    ],
)
def test_durations_are_written_as_openai_does(seconds: float, text: str) -> None:
    assert duration(seconds) == text
