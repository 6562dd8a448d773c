"""Events that are there at once are sent together; before a wait, what came so far is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.web.eager import await_or


async def _sent(events: AsyncIterator[str]) -> list[str]:
    sent: list[str] = []
    waiting: list[str] = []

    async def flush() -> None:
        await asyncio.sleep(0)  # as a slow client would have it
        if waiting:
            sent.append("".join(waiting))
            waiting.clear()

    while True:
        try:
            waiting.append(await await_or(anext(events), flush))
        except StopAsyncIteration:
            break
    await flush()
    return sent


def test_what_is_there_at_once_goes_together_and_never_waits_for_what_is_not() -> None:
    async def events() -> AsyncIterator[str]:
        yield "a"
        yield "b"
        await asyncio.sleep(0.01)
        yield "c"
        await asyncio.sleep(0)
        yield "d"
        yield "e"

    assert asyncio.run(_sent(events())) == ["ab", "c", "de"]


def test_a_failure_of_the_stream_comes_through() -> None:
    async def events() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0)
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(_sent(events()))


@pytest.mark.parametrize("where", ["waiting", "sending"])
def test_the_stream_is_told_when_its_reader_is_cancelled(where: str) -> None:
    told: list[str] = []

    async def events() -> AsyncIterator[str]:
        try:
            await asyncio.sleep(30)
            yield "a"
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    async def send() -> None:
        if where == "sending":
            await asyncio.sleep(30)

    async def main() -> None:
        source = events()
        task = asyncio.ensure_future(_once(source))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await source.aclose()  # type: ignore[attr-defined]

    async def _once(source: AsyncIterator[str]) -> str:
        return await await_or(anext(source), send)

    asyncio.run(main())
    assert told == ["cancelled"]


def test_a_failure_to_send_ends_the_wait_for_the_stream() -> None:
    async def events() -> AsyncIterator[str]:
        await asyncio.sleep(30)
        yield "a"

    async def send() -> None:
        raise ConnectionError

    async def main() -> None:
        source = events()
        with pytest.raises(ConnectionError):
            await await_or(anext(source), send)
        await source.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())
