"""Whoever goes, client or upstream, holds no connection any longer."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from app.engines.transport.options import Timeouts
from app.engines.transport.replicas import Replicas
from app.errors import ApiError, UpstreamRefused, UpstreamTimeout
from tests import jumping
from tests.patience import PATIENCE, until

from .playing import played, post, started, stream
from .scripted import EVENTS_HEAD, Scripted, chunk, endless, event, head, stall, whole

pytestmark = pytest.mark.live

A = b'{"a": 1}'
both = pytest.mark.parametrize("ask", [post, stream], ids=["whole", "stream"])


def test_a_stream_that_is_closed_closes_its_connection() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        answer = replicas.stream("/x", b"{}")
        assert (await anext(answer))[0] == A
        await answer.aclose()
        await upstream.all_gone()

    for answer in (stall(EVENTS_HEAD, chunk(event(A))), endless(EVENTS_HEAD, chunk(event(A)))):
        played(answer, use=use, health_path=None)


@pytest.mark.parametrize("sent", [b"", head(content_length="9"), head(content_length="9") + b"{"])
@both
def test_a_request_that_is_cancelled_closes_its_connection(ask: Any, sent: bytes) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        task = asyncio.create_task(ask(replicas))
        await until(lambda: upstream.received)
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await upstream.all_gone()

    played(stall(sent), use=use, health_path=None)


def test_a_request_that_is_cancelled_while_it_is_sent_closes_its_connection() -> None:
    async def run() -> None:
        gone = asyncio.Event()

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.3)  # reads nothing until the client has gone
            with contextlib.suppress(ConnectionError):
                while await reader.read(65536):
                    pass
            gone.set()
            writer.close()

        server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
        port = server.sockets[0].getsockname()[1]
        async with started(f"http://127.0.0.1:{port}/v1", health_path=None) as replicas:
            task = asyncio.create_task(replicas.post("/x", b"x" * (32 << 20)))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(gone.wait(), PATIENCE)
        server.close()

    jumping.run(run())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts sockets by /proc")
@pytest.mark.parametrize("answer", [b"", head(413, content_length="2") + b"{}"], ids=["timeout", "refusal"])
def test_an_upstream_that_takes_in_no_more_holds_no_connection(answer: bytes) -> None:
    async def run() -> None:
        finished = asyncio.Event()

        async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.3)  # the buffers on the way are full by now, for nothing of the body is read
            writer.write(answer)
            await finished.wait()
            writer.close()

        server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with started(url, health_path=None, timeouts=Timeouts(first_byte=0.6)) as replicas:
            before = len(os.listdir("/proc/self/fd"))
            with pytest.raises(UpstreamRefused if answer else UpstreamTimeout):
                await replicas.post("/x", b"x" * (32 << 20))
            # One is the server's end.
            await until(lambda: len(os.listdir("/proc/self/fd")) <= before + 1)
        finished.set()
        server.close()

    jumping.run(run())


def test_a_hundred_dropped_streams_close_a_hundred_connections() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        streams = [replicas.stream("/x", b"{}") for _ in range(100)]
        await asyncio.gather(*(anext(each) for each in streams))
        assert upstream.open == 100
        await asyncio.gather(*(each.aclose() for each in streams))
        await upstream.all_gone()
        assert await post(replicas)

    played(*[endless(EVENTS_HEAD, chunk(event(A)), 0.05)] * 100, whole({}), use=use, health_path=None)


def test_closing_ends_what_is_under_way() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        task = asyncio.create_task(post(replicas))
        await until(lambda: upstream.received)
        await replicas.close()
        with pytest.raises(ApiError):
            await asyncio.wait_for(task, PATIENCE)

    played(stall(), use=use)
