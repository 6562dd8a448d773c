"""Answers to repeat: who may carry out a request, on both databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from app.errors import Conflict
from app.keeping import Answer
from app.store import repeats as module
from app.store.address import Address
from app.store.completions import StoredCompletions
from app.store.database import Database
from app.store.maintenance import Maintenance
from app.store.repeats import LEASE, StoredClaim, StoredRepeats, removes_old_answers
from app.store.tables import repeats
from app.store.writing import Writer

from .test_completions import kept

ANSWER = Answer(200, {"content-type": "application/json", "x": "\xe9"}, b'{"a":"\\u0000\xc3\xa9"}')


def run(address: Address, work: Callable[[StoredRepeats], Awaitable[Any]]) -> Any:
    async def inner() -> Any:
        database = Database(address)
        stored = StoredRepeats(database)
        try:
            return await work(stored)
        finally:
            await stored.close()
            await database.close()

    return asyncio.run(inner())


async def claimed(stored: StoredRepeats, owner: str = "o", key: str = "k", fingerprint: str = "f") -> StoredClaim:
    found = await stored.claim(owner, key, fingerprint)
    assert isinstance(found, StoredClaim)
    return found


async def refusal(stored: StoredRepeats, fingerprint: str = "f") -> Conflict:
    with pytest.raises(Conflict) as caught:
        await stored.claim("o", "k", fingerprint)
    assert caught.value.param == "Idempotency-Key"
    return caught.value


async def expires_at(stored: StoredRepeats) -> int:
    async with stored.database.reading() as connection:
        return int((await connection.execute(select(repeats.c.expires_at))).scalar_one())


async def expire(stored: StoredRepeats) -> None:
    async with stored.database.writing() as connection:
        await connection.execute(update(repeats).values(expires_at=int(time.time())))


def test_the_stored_answer_is_had_byte_for_byte(address: Address) -> None:
    async def work(stored: StoredRepeats) -> None:
        await (await claimed(stored)).keep(ANSWER)
        assert await stored.claim("o", "k", "f") == ANSWER
        assert await stored.claim("o", "k", "f") == ANSWER
        assert time.time() + 86_300 < await expires_at(stored) <= time.time() + 86_400

    run(address, work)


def test_another_request_with_the_key_is_refused_and_not_to_be_retried(address: Address) -> None:
    async def work(stored: StoredRepeats) -> None:
        claim = await claimed(stored)
        for _ in range(2):
            error = await refusal(stored, "other")
            assert (error.code, error.headers) == ("idempotency_key_reused", {"x-should-retry": "false"})
            await claim.keep(ANSWER)

    run(address, work)


def test_while_a_request_runs_the_same_one_is_to_come_again(address: Address) -> None:
    async def work(stored: StoredRepeats) -> None:
        claim = await claimed(stored)
        error = await refusal(stored)
        assert (error.code, error.headers) == ("idempotency_key_in_use", {"retry-after": "2"})
        claim.release()

    run(address, work)


def test_a_key_that_was_released_can_be_used_again_for_any_request(address: Address) -> None:
    async def work(stored: StoredRepeats) -> None:
        (await claimed(stored)).release()
        await stored.close()
        (await claimed(stored, fingerprint="other")).release()

    run(address, work)


def test_an_answer_stays_when_its_claim_is_released_afterwards(address: Address) -> None:
    async def work(stored: StoredRepeats) -> None:
        claim = await claimed(stored)
        await claim.keep(ANSWER)
        claim.release()
        await stored.close()
        assert await stored.claim("o", "k", "f") == ANSWER

    run(address, work)


def test_keys_belong_to_the_api_key_that_they_came_with(address: Address) -> None:
    async def work(stored: StoredRepeats) -> None:
        await (await claimed(stored)).keep(ANSWER)
        (await claimed(stored, owner="other")).release()

    run(address, work)


def test_of_many_at_once_one_gets_the_claim(address: Address) -> None:
    async def work(stored: StoredRepeats) -> None:
        others = [StoredRepeats(Database(stored.database.address)) for _ in range(3)]
        tries = [each.claim("o", "k", "f") for each in others for _ in range(7)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        claims = [each for each in found if isinstance(each, StoredClaim)]
        assert len(claims) == 1
        assert {type(each) for each in found} == {StoredClaim, Conflict}
        claims[0].release()
        for each in others:
            await each.close()
            await each.database.close()

    run(address, work)


def test_the_claim_of_a_process_that_has_died_expires(address: Address) -> None:
    async def work(stored: StoredRepeats) -> None:
        dead = await claimed(stored)
        assert time.time() + LEASE - 5 < await expires_at(stored) <= time.time() + LEASE
        await expire(stored)
        claim = await claimed(stored, fingerprint="other")
        # If it had not died after all, it takes nothing from the new one.
        await dead.keep(ANSWER)
        dead.release()
        await stored.close()
        assert (await refusal(stored, "other")).code == "idempotency_key_in_use"
        claim.release()

    run(address, work)


def test_a_claim_is_renewed_while_its_request_runs(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RENEWED", 0.01)

    async def work(stored: StoredRepeats) -> None:
        claim = await claimed(stored)
        await expire(stored)
        for _ in range(3000):
            if await expires_at(stored) > time.time() + 1:
                break
            await asyncio.sleep(0.01)
        assert (await refusal(stored)).code == "idempotency_key_in_use"
        claim.release()

    run(address, work)


def test_an_answer_is_kept_for_a_day_and_then_removed(address: Address) -> None:
    async def work(stored: StoredRepeats) -> None:
        await (await claimed(stored)).keep(ANSWER)
        await (await claimed(stored, key="expired")).keep(ANSWER)
        async with stored.database.writing() as connection:
            old = update(repeats).where(repeats.c.key == "expired").values(expires_at=int(time.time()))
            await connection.execute(old)
        await Maintenance(stored.database, [removes_old_answers()]).work()
        async with stored.database.reading() as connection:
            assert (await connection.execute(select(repeats.c.key))).scalars().all() == ["k"]
        (await claimed(stored, key="expired", fingerprint="other")).release()

    run(address, work)


def test_a_completion_that_is_deleted_is_repeated_no_more(address: Address) -> None:
    async def work(stored: StoredRepeats) -> None:
        writer = Writer(stored.database)
        completions = StoredCompletions(stored.database, writer, 30)
        await completions.keep(kept(1))
        await (await claimed(stored)).keep(Answer(200, {}, b"{}", "chatcmpl-1"))
        await completions.delete("p", "chatcmpl-1")
        (await claimed(stored)).release()
        await writer.close()

    run(address, work)
