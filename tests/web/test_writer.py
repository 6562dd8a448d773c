"""Events are written together, silences are filled, and a client that does not read is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from app.web import sse
from app.web.writer import EventWriter

from .asgi import Client, run


def write(body: Callable[[EventWriter, Client, asyncio.Event], Coroutine[Any, Any, None]], **seconds: float) -> Client:
    """What a client is sent by a writer; the event is set when the writer gives the client up."""

    async def ask() -> Client:
        client, given_up = Client(), asyncio.Event()
        writer = EventWriter(client.send, seconds.get("ping", 60), seconds.get("write", 60), given_up.set)
        await writer.start(201, [(b"x-a", b"1")])
        try:
            await body(writer, client, given_up)
        finally:
            writer.stop()
        return client

    return run(ask())


def test_what_was_added_is_written_together_and_once() -> None:
    async def body(writer: EventWriter, client: Client, given_up: asyncio.Event) -> None:
        await writer.flush()
        writer.add(b"a")
        writer.add(b"b")
        await writer.flush()
        await writer.flush()
        writer.add(b"c")
        await writer.flush(more=False)

    client = write(body)
    assert (client.status, client.headers, client.pieces) == (201, {"x-a": "1"}, [b"ab", b"c"])
    assert [message.get("more_body") for message in client.sent] == [None, True, False]


def test_a_writer_is_full_when_there_is_enough_to_write() -> None:
    async def body(writer: EventWriter, client: Client, given_up: asyncio.Event) -> None:
        for number in range(32):
            assert writer.add(b"x") == (number == 31), number
        await writer.flush()
        assert not writer.add(b"x")

    write(body)


def test_a_silence_is_filled_with_comments() -> None:
    async def body(writer: EventWriter, client: Client, given_up: asyncio.Event) -> None:
        await client.has(sse.PING * 2)
        assert not given_up.is_set()

    write(body, ping=0.001)


def test_a_client_that_does_not_read_is_given_up_and_not_pinged() -> None:
    async def body(writer: EventWriter, client: Client, given_up: asyncio.Event) -> None:
        client.reading.clear()
        writing = asyncio.create_task(writer.write(b"x"))
        await given_up.wait()
        client.reading.set()
        await writing
        assert client.pieces == [b"x"]

    write(body, ping=0.001, write=0.001)


def test_one_that_reads_slowly_is_not() -> None:
    async def body(writer: EventWriter, client: Client, given_up: asyncio.Event) -> None:
        client.reading.clear()
        writing = asyncio.create_task(writer.write(b"x"))
        # As often as it is looked at by the interval of the pings, which are not due while something is written.
        for _ in range(20):
            await asyncio.sleep(0.001)
        client.reading.set()
        await writing
        assert not given_up.is_set()

    write(body, ping=0.001)


@pytest.mark.parametrize("pinging", [False, True])
def test_a_writer_that_is_stopped_sends_nothing_more(pinging: bool) -> None:
    async def body(writer: EventWriter, client: Client, given_up: asyncio.Event) -> None:
        if pinging:
            await client.has(sse.PING)
        writer.stop()
        count = len(client.sent)
        assert writer.timer is not None
        assert writer.timer.cancelled()
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert len(client.sent) == count

    write(body, ping=0.001)
