"""Workers take turns, and a lack of descriptors is told once a second."""

from __future__ import annotations

import asyncio
import errno
import itertools
import operator
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from app.http1 import listener
from app.http1.listener import Listener

from ..patience import PATIENCE, until

pytestmark = pytest.mark.live


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as made:
        yield made


async def keep(places: list[socket.socket], connection: socket.socket) -> None:
    places.append(connection)


def no_failure(error: OSError) -> None:
    raise AssertionError(error)


def connected(listening: socket.socket, number: int) -> list[socket.socket]:
    return [socket.create_connection(listening.getsockname()) for _ in range(number)]


def close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def test_of_two_workers_none_takes_all_of_a_burst(listening: socket.socket) -> None:
    async def body() -> None:
        clients = connected(listening, 20)
        other = listening.dup()
        loop = asyncio.get_running_loop()
        taken: tuple[list[socket.socket], list[socket.socket]] = [], []
        workers = [
            Listener(loop, sock, partial(keep, to), no_failure, alone=False)
            for sock, to in zip((listening, other), taken, strict=True)
        ]
        await until(lambda: sum(map(len, taken)) == 20)
        assert all(taken)
        for worker in workers:
            worker.close()
        close([*clients, *taken[0], *taken[1], other])

    asyncio.run(body())


@pytest.mark.parametrize("alone", [True, False])
def test_all_that_come_are_taken(listening: socket.socket, alone: bool) -> None:
    async def body() -> None:
        taken: list[socket.socket] = []
        worker = Listener(asyncio.get_running_loop(), listening, partial(keep, taken), no_failure, alone=alone)
        clients = connected(listening, 40)
        await until(lambda: len(taken) == 40)
        worker.close()
        close([*clients, *taken])

    asyncio.run(body())


def test_after_its_close_nothing_is_taken(listening: socket.socket) -> None:
    async def body() -> None:
        taken: list[socket.socket] = []
        loop = asyncio.get_running_loop()
        first = Listener(loop, listening.dup(), partial(keep, []), no_failure, alone=False)
        clients = connected(listening, 1)
        await until(lambda: first.timer is not None)  # it rests
        first.close()
        await first.wait_closed()
        clients += connected(listening, 3)
        second = Listener(loop, listening, partial(keep, taken), no_failure, alone=True)
        await until(lambda: len(taken) == 3)
        second.close()
        close([*clients, *taken, first.sock])

    asyncio.run(body())


def test_a_lack_of_descriptors_is_told_once_until_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_RETRY", 0.05)
    lacking = True
    tried: list[float] = []

    class Full(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            if lacking:
                tried.append(asyncio.get_running_loop().time())
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    async def body() -> None:
        nonlocal lacking
        failures: list[OSError] = []
        taken: list[socket.socket] = []
        with Full() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(10)
            clients = connected(listening, 3)
            worker = Listener(asyncio.get_running_loop(), listening, partial(keep, taken), failures.append, alone=True)
            await until(lambda: len(failures) == 3)
            assert all(later - earlier >= 0.045 for earlier, later in itertools.pairwise(tried))
            lacking = False
            await until(lambda: len(taken) == 3)
            worker.close()
            close([*clients, *taken])

    asyncio.run(body())


def test_a_connection_that_cannot_begin_is_closed(listening: socket.socket) -> None:
    async def fail(_connection: socket.socket) -> None:
        raise ConnectionResetError

    async def body() -> None:
        loop = asyncio.get_running_loop()
        worker = Listener(loop, listening, fail, no_failure, alone=True)
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        assert await reader.read() == b""
        writer.close()
        worker.close()

    asyncio.run(body())


def test_of_connections_that_do_not_begin_the_oldest_give_way(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_BEGINNING", 3)
    begun: list[int] = []
    given_up: list[int] = []

    async def shake_hands(connection: socket.socket) -> None:
        number = len(begun)
        begun.append(number)
        try:
            await asyncio.Event().wait()
        finally:
            given_up.append(number)

    async def body() -> None:
        worker = Listener(asyncio.get_running_loop(), listening, shake_hands, no_failure, alone=True)
        clients: list[socket.socket] = []
        for number in range(5):
            clients += connected(listening, 1)
            await until(partial(operator.contains, begun, number))
        await until(lambda: len(given_up) == 2)
        assert given_up == [0, 1]
        clients[0].setblocking(False)
        closed = asyncio.get_running_loop().sock_recv(clients[0], 1)
        assert await asyncio.wait_for(closed, PATIENCE) == b""
        worker.close()
        close(clients)

    asyncio.run(body())
