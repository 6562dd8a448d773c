"""What an application keeps for a client counts for its connection, for as long as it is kept."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from starlette.types import Receive, Scope, Send

from app.http1.holding import Held

from .connecting import REQUEST, Client, Refusing, connect, hello, run, until


def has_begun(client: Client) -> bool:
    return b"\r\n\r\n" in client.received


def test_what_is_kept_for_a_client_counts_until_it_is_sent() -> None:
    go_on = asyncio.Event()
    begun = asyncio.Event()

    async def keeping(scope: Scope, receive: Receive, send: Send) -> None:
        with Held(scope, 1000):
            begun.set()
            await go_on.wait()
        await hello(scope, receive, send)

    async def body(worker: Refusing) -> None:
        client = Client()
        connection = connect(worker, client)
        before = connection.held
        connection.received(REQUEST)
        await begun.wait()
        assert connection.held == before + 1000
        go_on.set()
        await until(lambda: client.received.endswith(b"hello"))
        assert connection.held == before

    run(body, keeping)


def test_those_that_do_not_read_are_dropped_when_too_much_is_kept_for_them() -> None:
    ended: list[int] = []

    async def keeping(scope: Scope, receive: Receive, send: Send) -> None:
        with Held(scope, 1000):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"1", "more_body": True})
            await send({"type": "http.response.body", "body": b"2"})
        ended.append(1)

    async def body(worker: Refusing) -> None:
        clients = [Client() for _ in range(3)]
        connections = [connect(worker, client) for client in clients]
        worker.connections.most_held = 2500 + sum(connection.held for connection in connections)
        for connection, client in zip(connections, clients, strict=True):
            connection.pause_writing()
            connection.received(REQUEST)
            await until(partial(has_begun, client))
        assert [client.aborted.is_set() for client in clients] == [True, False, False]
        for connection in connections:
            connection.connection_lost(None)
        await until(lambda: len(ended) == 3)
        assert not worker.connections._held

    run(body, keeping)


@pytest.mark.parametrize("scope", [{}, {"extensions": {}}])
def test_under_other_servers_nothing_is_counted(scope: Scope) -> None:
    with Held(scope, 1000):
        pass
