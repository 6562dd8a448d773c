"""A deadline that is set anew."""

from __future__ import annotations

import asyncio
import gc
import weakref

from app.http1.deadline import Deadline


async def passed(*seconds: float, wait: float) -> int:
    """Return how often it calls what it is given when it is set again and again."""
    calls: list[None] = []

    def call() -> None:
        calls.append(None)

    deadline = Deadline(asyncio.get_running_loop())
    for each in seconds:
        deadline.set(each, call)
    await asyncio.sleep(wait)
    deadline.cancel()
    return len(calls)


def test_it_passes_once() -> None:
    assert asyncio.run(passed(0.01, wait=0.2)) == 1


def test_a_later_one_takes_the_place_of_an_earlier_one() -> None:
    assert asyncio.run(passed(0.01, 60, wait=0.2)) == 0
    assert asyncio.run(passed(0.01, 0.1, wait=0.4)) == 1


def test_an_earlier_one_takes_the_place_of_a_later_one() -> None:
    assert asyncio.run(passed(60, 0.01, wait=0.2)) == 1


def test_what_it_would_call_is_freed_as_soon_as_it_is_cancelled() -> None:
    class Owner:
        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self.deadline = Deadline(loop)
            self.deadline.set(60, self.end)

        def end(self) -> None:
            raise AssertionError

    async def body() -> None:
        owner = Owner(asyncio.get_running_loop())
        left = weakref.ref(owner)
        gc.disable()
        try:
            owner.deadline.cancel()
            del owner
            assert left() is None
        finally:
            gc.enable()

    asyncio.run(body())
