"""What is found out is found out once, for all who ask."""

from __future__ import annotations

import asyncio

import pytest

from app.engines.llama.once import Once


def test_those_who_ask_together_get_what_one_of_them_finds() -> None:
    found = 0

    async def find() -> int:
        nonlocal found
        found += 1
        await asyncio.sleep(0)
        return found

    async def ask() -> list[int]:
        once = Once(find)
        together = await asyncio.gather(*(once.get() for _ in range(5)))
        return [*together, await once.get()]

    assert asyncio.run(ask()) == [1] * 6


def test_a_failure_is_told_and_not_kept() -> None:
    failures = [OSError("away"), None]

    async def find() -> str:
        failure = failures.pop(0)
        if failure is not None:
            raise failure
        return "found"

    async def ask() -> str:
        once = Once(find)
        with pytest.raises(OSError, match="away"):
            await once.get()
        return await once.get()

    assert asyncio.run(ask()) == "found"


def test_who_leaves_does_not_end_it_for_others() -> None:
    async def ask() -> str:
        going = asyncio.Event()

        async def find() -> str:
            await going.wait()
            return "found"

        once = Once(find)
        first, second = (asyncio.ensure_future(once.get()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        going.set()
        return await second

    assert asyncio.run(ask()) == "found"
