"""What one client's requests bring about at an upstream is held against no other client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from app.engines.dialects.dialect import UpstreamModel
from app.engines.transport.breaker import CONSECUTIVE
from app.engines.transport.options import Timeouts
from app.engines.transport.replicas import Replicas
from app.engines.upstream import UpstreamEngine
from app.settings import Settings
from app.wiring import wire
from tests import jumping
from tests.patience import PATIENCE

from ..chunks import completion
from . import peers
from .playing import options
from .scripted import Answer, Connection, Scripted, reset, stall, whole

pytestmark = pytest.mark.live

GOOD, BAD, OTHER = keys = ("sk-good", "sk-bad", "sk-other")
PICTURE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
ANSWER = whole(completion())

Ask = Callable[[str, object], Awaitable[int]]


def served(answer: Answer, use: Callable[[Ask, Scripted], Awaitable[None]], **changes: object) -> None:
    """Runs a test with the whole application, before an upstream that answers plain text, and a picture as said.
    ``ask(key, content)`` gives the status of an answer."""

    async def reads_text(connection: Connection) -> None:
        picture = isinstance(connection.request.json["messages"][0]["content"], list)
        await (answer if picture else ANSWER)(connection)

    async def run() -> None:
        async with Scripted(reads_text) as upstream:
            replicas = Replicas(options(upstream.base_url, **changes))
            engine = UpstreamEngine(UpstreamModel(peers.ours(), "theirs"), "openai", replicas)
            transport = httpx2.ASGITransport(wire(Settings(api_keys=keys), engine))
            await engine.start()
            async with httpx2.AsyncClient(transport=transport, base_url="http://server") as http:

                async def ask(key: str, content: object) -> int:
                    body = {"model": "our-model", "messages": [{"role": "user", "content": content}]}
                    headers = {"authorization": f"Bearer {key}"}
                    return (await http.post("/v1/chat/completions", json=body, headers=headers)).status_code

                await use(ask, upstream)
            await engine.close()

    jumping.run(asyncio.wait_for(run(), PATIENCE))


@pytest.mark.parametrize(
    ("answer", "status"),
    [(whole({}, 500), 502), (whole({}, 502), 502), (whole({}, 503), 503), (whole(b"<html>"), 502), (reset(), 502)],
    ids=["500", "502", "503", "nonsense", "reset"],
)
def test_a_client_whose_requests_make_a_replica_fail_shuts_out_no_other(answer: Answer, status: int) -> None:
    """What comes in half a minute when one client sends four pictures a second, and another a text now and then."""

    async def use(ask: Ask, upstream: Scripted) -> None:
        assert await ask(GOOD, "Hello") == 200
        for _ in range(20):
            bad = await asyncio.gather(*(ask(BAD, PICTURE) for _ in range(CONSECUTIVE + 1)))
            assert bad == [status] * len(bad)
            assert await ask(GOOD, "Hello") == 200

    served(answer, use)


def test_a_client_whose_requests_come_back_late_shuts_out_no_other() -> None:
    async def use(ask: Ask, upstream: Scripted) -> None:
        bad = await asyncio.gather(*(ask(BAD, PICTURE) for _ in range(2 * CONSECUTIVE)))
        assert bad == [504] * len(bad)
        assert await ask(GOOD, "Hello") == 200

    served(stall(), use, timeouts=Timeouts(first_byte=0.2))


def test_a_client_alone_gets_the_upstreams_own_errors_however_many() -> None:
    async def use(ask: Ask, upstream: Scripted) -> None:
        for _ in range(30):
            assert await ask(BAD, PICTURE) == 502
        assert len(upstream.received) == 30
        assert await ask(GOOD, "Hello") == 200

    served(whole({}, 500), use)


def test_a_replica_that_fails_for_several_clients_and_works_for_none_is_avoided() -> None:
    async def use(ask: Ask, upstream: Scripted) -> None:
        assert [await ask(key, PICTURE) for key in (BAD, BAD, OTHER)] == [502, 502, 502]
        assert await ask(GOOD, "Hello") == 503
        assert len(upstream.received) == 3

    served(whole({}, 500), use)


def test_a_replica_whose_connections_break_is_avoided_though_one_client_alone_asks() -> None:
    async def use(ask: Ask, upstream: Scripted) -> None:
        assert [await ask(BAD, PICTURE) for _ in range(CONSECUTIVE)] == [502] * CONSECUTIVE
        assert await ask(BAD, "Hello") == 503
        # The first went into the connection that was kept from the look at the models, and once more into its own.
        assert len(upstream.received) == CONSECUTIVE + 1

    served(reset(), use)
