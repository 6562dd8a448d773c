"""An upstream's servers are recognised at the start and whenever one was away, and no request waits for that twice."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from app.engines import recognition as module
from app.engines.recognition import Recognition
from app.engines.transport import breaker
from app.engines.transport.options import UpstreamOptions
from app.engines.transport.replicas import Replicas
from app.errors import ApiError
from tests.live import free_port
from tests.patience import PATIENCE, until

from .kinds import KINDS, Server
from .upstream.playing import KEY, WIDE, options

pytestmark = pytest.mark.live


@contextlib.asynccontextmanager
async def recognising(*base_urls: str, **changes: Any) -> AsyncIterator[tuple[Replicas, Recognition]]:
    replicas = Replicas(options(*base_urls, **changes))
    recognition = Recognition(replicas)
    await replicas.start()
    recognition.start()
    try:
        yield replicas, recognition
    finally:
        await recognition.close()
        await replicas.close()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, PATIENCE))


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(breaker, "COOL_DOWN", 0.02)


async def ask(replicas: Replicas) -> bool:
    with contextlib.suppress(ApiError):
        await replicas.post("/chat/completions", b"{}")
        return True
    return False


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_server_is_recognised_and_said_once_in_the_log(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with Server(kind) as server, recognising(server.base_url) as (replicas, recognition):
            assert not recognition.met.kinds
            await recognition.known()
            assert recognition.met.settled
            assert recognition.met.kinds == (kind,)
            looked = len(server.looks)
            for _ in range(3):
                assert await ask(replicas)
            recognition.lost(replicas.all[0])
            await until(lambda: len(server.looks) > looked)
            await recognition.close()
            assert not recognition.changed
            recognition.lost(replicas.all[0])
            assert all(task.done() for task in recognition._tasks.values()), "what is closed looks no more"

    with caplog.at_level(logging.INFO, "parley"):
        run(test())
    (line,) = caplog.messages
    assert line.startswith("upstream of m, replica 1 of 1: ")
    assert ("recognised as " + kind in line) is (kind != "unknown")
    assert ("`parley certify URL`" in line) is (kind == "unknown")


def test_the_key_and_the_headers_go_to_the_configured_address_alone() -> None:
    async def test() -> None:
        async with (
            Server("vllm") as server,
            recognising(server.base_url, headers={"x-secret": "y"}) as (_, recognition),
        ):
            await recognition.known()
            assert {path for path, key in server.looks if key} == {"/v1/models"}
            assert {path for path, key in server.looks if not key} == {
                *("/", "/version", "/api/version", "/get_model_info", "/model_info", "/health/liveliness"),
                "/openapi.json",
            }
            assert f"Bearer {KEY}" in [key for _, key in server.looks]

    run(test())


def test_the_lengths_of_contexts_are_the_shortest_of_all_servers() -> None:
    async def test() -> None:
        async with (
            Server("vllm") as one,
            Server("llama.cpp") as two,
            recognising(one.base_url, two.base_url) as (_, recognition),
        ):
            await recognition.known()
            assert recognition.met.lengths == {"m": 512}
            assert recognition.met.each == ("vllm", "llama.cpp")

    run(test())


def test_a_server_that_comes_up_later_is_recognised_then() -> None:
    async def test() -> None:
        async with Server(None) as server, recognising(server.base_url) as (_, recognition):
            await recognition.known()
            assert (recognition.met.kinds, recognition.met.settled) == ((), True)
            server.kind = "ollama"
            await until(lambda: recognition.met.kinds == ("ollama",))
            assert not recognition.changed

    run(test())


@pytest.mark.parametrize("health_path", ["/models", None])
def test_a_server_that_nobody_reached_at_the_start_is_recognised_when_it_is_there(health_path: str | None) -> None:
    async def test() -> None:
        server = Server("sglang", free_port())
        changes = {"health_path": health_path, "probe_seconds": 0.05}
        async with recognising(server.base_url, **changes) as (_, recognition):
            await recognition.known()
            assert recognition.met.kinds == ()
            async with server:
                await until(lambda: recognition.met.kinds == ("sglang",))

    run(test())


def test_what_comes_back_as_another_kind_is_known_before_it_gets_requests() -> None:
    async def test() -> None:
        server = Server("vllm", free_port())
        async with recognising(server.base_url, probe_seconds=0.05) as (replicas, recognition):
            async with server:
                await until(lambda: recognition.met.kinds == ("vllm",))
                assert await ask(replicas)
            while replicas.all[0].breaker.closed:
                assert not await ask(replicas)
            server.kind = "llama.cpp"
            changed = asyncio.create_task(recognition.change())
            async with server:
                await until(lambda: replicas.all[0].breaker.closed)
                assert recognition.met.kinds == ("llama.cpp",)
                assert recognition.changed
                await changed

    run(test())


def test_a_restart_that_one_failed_request_tells_of_is_looked_into() -> None:
    async def test() -> None:
        server = Server("vllm", free_port())
        async with recognising(server.base_url) as (replicas, recognition):
            async with server:
                await until(lambda: recognition.met.kinds == ("vllm",))
            assert not await ask(replicas)
            server.kind = "ollama"
            async with server:
                await until(lambda: recognition.met.kinds == ("ollama",))

    run(test())


def test_a_known_server_stays_what_it_is_while_it_tells_nothing() -> None:
    async def test() -> None:
        async with Server("vllm") as server, recognising(server.base_url) as (replicas, recognition):
            await recognition.known()
            server.kind = None
            looked = len(server.looks)
            recognition.lost(replicas.all[0])
            await until(lambda: len(server.looks) >= looked + 14)
            assert recognition.met.kinds == ("vllm",)

    run(test())


def test_openai_is_known_at_once_and_never_looked_at() -> None:
    async def test() -> None:
        replicas = Replicas(UpstreamOptions(name="m", base_urls=("https://api.openai.com/v1",)))
        recognition = Recognition(replicas)
        assert (recognition.met.kinds, recognition.met.settled) == (("openai",), True)
        recognition.start()
        await recognition.back(replicas.all[0])
        await recognition.close()
        assert not recognition._tasks

    run(test())


def test_nobody_waits_where_nobody_looks() -> None:
    async def test() -> None:
        recognition = Recognition(Replicas(options("http://127.0.0.1:9/v1")))
        await recognition.known()
        assert not recognition.met.settled

    asyncio.run(asyncio.wait_for(test(), WIDE.connect / 2))


def test_nobody_waits_for_a_server_longer_than_for_a_connection() -> None:
    async def test() -> None:
        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        timeouts = type(WIDE)(connect=0.1)
        async with recognising(url, timeouts=timeouts, health_path=None) as (_, recognition):
            await recognition.known()
            assert recognition.met.kinds == ()
        server.close()

    run(test())
