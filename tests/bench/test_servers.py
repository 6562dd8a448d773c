"""The servers of the bench start, answer and stream, each as the parts rely on it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator

import pytest

from bench import load, process, servers
from bench.compare import PerChunk, PerRequest
from bench.parts import agent, flood, soak
from bench.server import Server
from bench.table import Table

from ..patience import wait_until

pytestmark = [pytest.mark.live, pytest.mark.long]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Server]:
    with servers.upstream() as found:
        yield found


@pytest.mark.parametrize(
    "front",
    [servers.relay, servers.relay_under_gunicorn, servers.relaying, servers.fastapi],
    ids=lambda front: front.__name__,
)
def test_a_front_answers_streams_all_chunks_and_is_measured(front: servers.Front, upstream: Server) -> None:
    async def measure(found: Server) -> tuple[float, float]:
        async with load.session() as client:
            body = json.dumps(load.chat(found, "Hi", model="every-5", stream=True, max_tokens=7)).encode()
            result = await load.stream(client, found, body)
            assert (result.status, result.chunks, result.done) == (200, 7, True)
            per_request = await PerRequest(client, ("Hello there!",))(found)
            return per_request, await PerChunk(client, "every-0", 200, 2)(found)

    with front(upstream) as found:
        per_request, per_chunk = asyncio.run(measure(found))
        assert found.worker in process.tree(found.pid)
        assert process.pss_mb(found.pid) < process.tree_rss_mb(found.pid)
    assert 10e-6 < per_request < 1
    assert per_chunk < per_request


@pytest.mark.parametrize("start", [servers.stock, servers.bare, servers.parley], ids=lambda start: start.__name__)
def test_a_server_without_an_upstream_answers(start: servers.Front) -> None:
    with start() as found:  # type: ignore[call-arg]
        assert asyncio.run(_status(found)) == 200


async def _status(found: Server, **parameters: object) -> int:
    async with load.session() as client:
        return (await load.ask(client, found, json.dumps(load.chat(found, "Hi", **parameters)).encode()))[0]


def test_fastapi_refuses_what_does_not_fit_its_models(upstream: Server) -> None:
    with servers.fastapi(upstream) as found:
        assert asyncio.run(_status(found, temperature=3)) == 422
        assert asyncio.run(_status(found, unknown=1)) == 422


def test_two_workers_are_two(upstream: Server) -> None:
    with servers.relaying(upstream, name="two", settings={"WEB_CONCURRENCY": "2"}) as found:
        # The first one answers before the second one is there.
        wait_until(lambda: len(process.tree(found.pid)) == 3)


def test_replicas_answer_when_one_has_ended(upstream: Server) -> None:
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(servers.upstream())
        with servers.replicated([other, upstream]) as found:
            assert asyncio.run(_status(found)) == 200
            stack.close()
            assert [asyncio.run(_status(found)) for _ in range(5)] == [200] * 5


def test_an_agent_is_asked_for_all_its_tool_calls_through_parley(upstream: Server) -> None:
    async def once(found: Server) -> None:
        async with load.session() as client:
            await agent.session(client, found)

    with servers.relaying(upstream) as found:
        asyncio.run(once(found))  # raises for a turn that is not as it should be


def test_a_flood_of_wrong_keys_is_refused_and_others_are_answered(upstream: Server) -> None:
    with servers.relaying(upstream) as found, flood.flooding(found):
        wait_until(lambda: " status=401 " in found.log.read_text())
        assert asyncio.run(_status(found)) == 200


def test_a_soak_counts_what_is_answered_otherwise_than_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "MINUTES", 0.05)
    table = Table()
    soak.run(table)
    failed = next(row for row in table.rows if row[1] == soak.FAILED)
    assert failed[4] == "met", failed
