"""Counts in a file and in Redis follow the same rules."""

from __future__ import annotations

import asyncio
import random
import time
from calendar import timegm

import pytest

from app.limits.counts import (
    CONCURRENT,
    DAY,
    LEASE,
    MONEY,
    MONTH,
    MOST,
    REQUESTS,
    TOKENS,
    Claim,
    Correction,
    Counts,
    Hold,
    Reading,
)
from tests.patience import PATIENCE

from .conftest import Kind
from .reference import MINUTE, Reference

NOON = float(timegm((2026, 12, 1, 12, 0, 0)))


def hold(*claims: tuple[int, int, int], subject: str = "key:a") -> Hold:
    made = [Claim(*claim) for claim in claims]
    return Hold(subject, made, any(claim.measure == CONCURRENT for claim in made), 32 * 86400)


async def used(counts: Counts, measure: int, subject: str = "key:a") -> int:
    """What is counted now, by a reservation that can not be made."""
    reading = await counts.reserve("probe", [hold((measure, 0, MOST), subject=subject)], False)
    assert not reading.granted
    return reading.counts[0].used


def correction(request: str, reading: Reading, *pairs: tuple[int, int], subject: str = "key:a") -> Correction:
    return Correction(request, reading.now, [(subject, pairs)] if pairs else [], [subject])


def test_a_request_counts_for_a_minute_or_up_to_a_second_less(kind: Kind) -> None:
    async def run() -> None:
        counts = kind.counts()
        kind.clock.set(NOON + 0.9)
        assert (await counts.reserve("1", [hold((REQUESTS, 1, 1))], False)).granted
        for later in (0.9, 30, 58.9, 59.0, 59.9, 59.99):
            kind.clock.set(NOON + later)
            reading = await counts.reserve("2", [hold((REQUESTS, 1, 1))], False)
            assert not reading.granted
            assert reading.counts[0].free == NOON + 60
        kind.clock.set(NOON + 60)
        assert (await counts.reserve("3", [hold((REQUESTS, 1, 1))], False)).granted
        await counts.close()

    asyncio.run(run())


def test_a_refusal_counts_nothing_for_any_subject(kind: Kind) -> None:
    async def run() -> None:
        counts = kind.counts()
        kind.clock.set(NOON)
        holds = [hold((TOKENS, 100, 60), (CONCURRENT, 9, 1)), hold((TOKENS, 50, 60), subject="model:m")]
        reading = await counts.reserve("1", holds, False)
        assert not reading.granted
        assert [await used(counts, measure) for measure in (TOKENS, CONCURRENT)] == [0, 0]
        assert await used(counts, TOKENS, "model:m") == 0
        await counts.close()

    asyncio.run(run())


def test_a_forced_request_is_counted_over_the_limit(kind: Kind) -> None:
    async def run() -> None:
        counts = kind.counts()
        kind.clock.set(NOON)
        for request in "123":
            await counts.reserve(request, [hold((REQUESTS, 1, 1), (TOKENS, 10, 8), (CONCURRENT, 1, 1))], True)
        assert [await used(counts, measure) for measure in (REQUESTS, TOKENS, CONCURRENT)] == [3, 24, 3]
        await counts.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("measure", "last", "first"),
    [
        (DAY, (2026, 12, 1, 23, 59, 59), (2026, 12, 2, 0, 0, 0)),
        (DAY, (2026, 12, 31, 23, 59, 59), (2027, 1, 1, 0, 0, 0)),
        (MONTH, (2026, 11, 30, 23, 59, 59), (2026, 12, 1, 0, 0, 0)),
        (MONTH, (2026, 12, 31, 23, 59, 59), (2027, 1, 1, 0, 0, 0)),
        (MONEY, (2028, 2, 29, 23, 59, 59), (2028, 3, 1, 0, 0, 0)),
        (MONEY, (2027, 2, 28, 23, 59, 59), (2027, 3, 1, 0, 0, 0)),
    ],
)
def test_a_day_and_a_month_begin_anew_at_midnight_in_utc(
    kind: Kind, measure: int, last: tuple[int, ...], first: tuple[int, ...]
) -> None:
    async def run() -> None:
        counts = kind.counts()
        kind.clock.set(timegm(last) + 0.999)
        old = await counts.reserve("1", [hold((measure, 10, 10), (CONCURRENT, 9, 1))], False)
        assert old.granted
        assert not (await counts.reserve("2", [hold((measure, 10, 1))], False)).granted
        kind.clock.set(timegm(first))
        assert (await counts.reserve("3", [hold((measure, 10, 10))], False)).granted
        # What is settled belongs to the old day.
        await counts.correct(correction("1", old, (measure, -10)))
        assert await used(counts, measure) == 10
        await counts.close()

    asyncio.run(run())


def test_every_day_of_years_belongs_to_the_month_of_the_calendar(kind: Kind) -> None:
    """A day after another, what a month counts is the number of its days so far."""

    async def run() -> None:
        counts = kind.counts()
        start = timegm((2027, 12, 31, 12, 0, 0))
        expected, month = 0, 0
        for day in range(0, 800):
            now = start + day * 86400
            kind.clock.set(now)
            this = time.gmtime(now).tm_mon
            expected, month = (expected if this == month else 0), this
            reading = await counts.reserve(str(day), [hold((MONTH, MOST, 1))], False)
            assert reading.counts[0].used == expected, day
            expected += 1
        await counts.close()

    asyncio.run(run())


def test_a_correction_changes_the_slot_of_its_request_and_counts_once(kind: Kind) -> None:
    async def run() -> None:
        counts = kind.counts()
        kind.clock.set(NOON)
        first = await counts.reserve("1", [hold((TOKENS, 100, 50), (MONEY, 100, 50))], False)
        kind.clock.set(NOON + 20)
        await counts.reserve("2", [hold((TOKENS, 100, 50), (MONEY, 100, 50))], False)
        await counts.correct(correction("1", first, (TOKENS, -40), (MONEY, 20)))
        assert [await used(counts, measure) for measure in (TOKENS, MONEY)] == [60, 120]
        kind.clock.set(NOON + 60)
        assert await used(counts, TOKENS) == 50
        # The slot is gone: nothing is left to correct.
        kind.clock.set(NOON)
        third = await counts.reserve("3", [hold((TOKENS, 1000, 50))], False)
        kind.clock.set(NOON + 100)
        await counts.reserve("4", [hold((TOKENS, 1000, 50))], False)
        await counts.correct(correction("3", third, (TOKENS, -40)))
        assert await used(counts, TOKENS) == 50
        await counts.close()

    asyncio.run(run())


def test_a_place_ends_with_its_request_or_with_its_lease(kind: Kind) -> None:
    async def run() -> None:
        counts = kind.counts()
        kind.clock.set(NOON)
        place = hold((CONCURRENT, 2, 1))
        first = await counts.reserve("1", [place], False)
        await counts.reserve("2", [place], False)
        assert not (await counts.reserve("3", [place], False)).granted
        await counts.correct(correction("1", first))
        assert await used(counts, CONCURRENT) == 1
        await counts.reserve("4", [place], False)
        kind.clock.set(NOON + LEASE - 1)
        assert await used(counts, CONCURRENT) == 2
        counts.renew({"2": ["key:a"]})
        assert await used(counts, CONCURRENT) == 2
        kind.clock.set(NOON + LEASE + 1)
        assert await used(counts, CONCURRENT) == 1
        kind.clock.set(NOON + 2 * LEASE)
        assert await used(counts, CONCURRENT) == 0
        await counts.close()

    asyncio.run(run())


def test_a_clock_that_is_put_back_far_begins_a_new_minute(kind: Kind) -> None:
    async def run() -> None:
        counts = kind.counts()
        kind.clock.set(NOON + 3600)
        await counts.reserve("1", [hold((REQUESTS, 1, 1))], False)
        kind.clock.set(NOON)
        assert (await counts.reserve("2", [hold((REQUESTS, 1, 1))], False)).granted
        # A little only: what was counted still counts.
        kind.clock.set(NOON - 2)
        assert not (await counts.reserve("3", [hold((REQUESTS, 1, 1))], False)).granted
        await counts.close()

    asyncio.run(run())


def test_a_fault_of_one_request_is_told_and_does_not_stop_the_others(kind: Kind) -> None:
    async def run() -> None:
        counts = kind.counts()
        kind.clock.set(NOON)
        await counts.open()
        with pytest.raises(UnicodeEncodeError):
            await counts.reserve("1", [hold((REQUESTS, 5, 1), subject="key:\ud800")], False)
        assert (await counts.reserve("2", [hold((REQUESTS, 5, 1))], False)).granted
        await counts.close()

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_of_requests_is_counted_as_the_rules_are_meant(kind: Kind, seed: int) -> None:
    async def run() -> None:
        chance = random.Random(seed)
        both = [kind.counts(), kind.counts()]
        reference = Reference()
        # Near the end of a year, so that days, months and years change.
        now = timegm((2026, 12, 31, 23, 50, 0)) + chance.random()
        running: list[tuple[str, list[Hold], Reading]] = []
        for number in range(250):
            now += chance.choice([0, 0.01, 0.3, 1, 7, 20, 60, 200])
            kind.clock.set(round(now, 3))
            counts = chance.choice(both)
            # Workers renew their places; here the clock leaps over a lease.
            counts.renew({request: [h.subject for h in holds if h.leased] for request, holds, _ in running})
            if running and chance.random() < 0.4:
                request, holds, reading = running.pop(chance.randrange(len(running)))
                final = {measure: chance.randrange(200) for measure in (TOKENS, DAY, MONTH, MONEY)}
                subjects = [
                    (
                        each.subject,
                        [
                            (claim.measure, final[claim.measure] - claim.amount)
                            for claim in each.claims
                            if claim.measure in final
                        ],
                    )
                    for each in holds
                ]
                leases = [each.subject for each in holds if each.leased]
                await counts.correct(Correction(request, reading.now, subjects, leases))
                reference.settle(request, final)
                continue
            request, force = str(number), chance.random() < 0.1
            holds = [
                hold(
                    *(
                        (measure, chance.randrange(1, 8 if amount == 1 else 400), amount)
                        for measure, amount in (
                            (REQUESTS, 1),
                            (TOKENS, chance.randrange(100)),
                            (DAY, chance.randrange(100)),
                            (CONCURRENT, 1),
                            (MONTH, chance.randrange(20)),
                            (MONEY, chance.randrange(20)),
                        )
                        if chance.random() < 0.7
                    ),
                    subject=subject,
                )
                for subject in chance.sample(["key:a", "key:b", "project:p", "model:m"], chance.randrange(1, 4))
            ]
            reading = await counts.reserve(request, holds, force)
            granted, expected = reference.reserve(request, holds, force, kind.clock())
            assert (reading.granted, [count.used for count in reading.counts]) == (granted, expected)
            if granted or force:
                running.append((request, holds, reading))
            else:
                claims = [(each.subject, claim) for each in holds for claim in each.claims]
                for (subject, (measure, limit, amount)), count in zip(claims, reading.counts, strict=True):
                    if measure in MINUTE and amount <= limit < count.used + amount:
                        assert count.free == reference.free(subject, measure, limit - amount, kind.clock())
        for counts in both:
            await counts.close()

    asyncio.run(run())
