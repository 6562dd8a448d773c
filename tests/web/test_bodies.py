"""Bodies are read within their limits of size and time, whatever pieces they come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from starlette.types import Message

from app.errors import ContentTooLarge, RequestTimeout
from app.web.bodies import BodyReader

from ..jumping import run
from ..turns import turns_of_others
from .asgi import Client

SECONDS, RATE = 60.0, 500


def piece(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


class Slow:
    """A client that sends so many bytes each so many seconds, ``count`` times."""

    def __init__(self, size: int, seconds: float, count: int) -> None:
        self.size, self.seconds, self.left = size, seconds, count

    async def receive(self) -> Message:
        await asyncio.sleep(self.seconds)
        self.left -= 1
        return piece(b"x" * self.size, self.left > 0)


async def read(client: Slow | Client, limit: int = 1 << 30, rate: int = RATE) -> bytes:
    return await BodyReader(limit, SECONDS, rate).read([], client.receive)


def test_a_body_that_drips_is_refused_and_one_on_a_bad_line_is_not() -> None:
    assert len(run(read(Slow(1, 0.9, 60)))) == 60, "a small one may take as long as none may stall"
    assert len(run(read(Slow(1400, 2.5, 200)))) == 280_000
    assert len(run(read(Slow(30_000, 55, 100)))) == 3_000_000
    with pytest.raises(RequestTimeout, match="came more slowly than 500 bytes a second"):
        run(read(Slow(1, 50, 1_000_000)))
    with pytest.raises(RequestTimeout, match="more slowly"):
        run(read(Slow(400, 1, 1_000_000)))
    assert len(run(read(Slow(1, 50, 100), rate=0))) == 100
    with pytest.raises(RequestTimeout, match="No byte of the request body arrived for 60 seconds"):
        run(read(Slow(1_000_000, 61, 2)))


def test_a_body_is_read_whole_in_whatever_pieces_it_comes() -> None:
    whole = bytes(range(256)) * 1000
    for size in (8, 1000, 65_536, 300_000):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert run(read(Client(*pieces))) == whole
        assert run(read(Client(b"", *pieces, b""))) == whole
    with pytest.raises(ContentTooLarge):
        run(read(Client(*[b"x"] * 1001), limit=1000))


def test_the_number_of_timers_and_of_pieces_does_not_grow_with_the_number_of_chunks() -> None:
    chunks = 80_000

    async def count() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        timers = 0
        call_at: Callable[..., asyncio.TimerHandle] = loop.call_at

        def counting(*args: object, **kwargs: object) -> asyncio.TimerHandle:
            nonlocal timers
            timers += 1
            return call_at(*args, **kwargs)

        loop.call_at = counting  # type: ignore[method-assign]
        stream = BodyReader(1 << 20, SECONDS, RATE).stream([], Client(*[b"xxxxxxxxxx"] * chunks).receive)
        pieces = 0
        while not stream.ended:
            await stream.next()
            pieces += 1
        return timers, pieces

    timers, pieces = run(count())
    assert timers <= pieces
    assert pieces == 13


def test_a_body_in_very_many_small_chunks_is_refused() -> None:
    assert len(run(read(Client(*[b"x"] * 30_000)))) == 30_000
    assert len(run(read(Client(*[b"x" * 16] * 100_000)))) == 1_600_000
    assert len(run(read(Client(b"x" * 1_600_000, *[b"x"] * 100_000)))) == 1_700_000
    with pytest.raises(ContentTooLarge, match="32768 chunks of less than 16 bytes"):
        run(read(Client(*[b"x"] * 36_000)))


def test_others_have_their_turn_while_a_body_of_many_chunks_is_read() -> None:
    assert turns_of_others(read(Client(*[b"x"] * 30_000))) > 50
