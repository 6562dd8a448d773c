"""What may be repeated is repeated, for as long as it does no harm, and elsewhere first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.engines.transport.options import Timeouts
from app.engines.transport.replicas import Replicas
from app.errors import ApiError, RateLimited, UpstreamFailed, UpstreamRefused, UpstreamTimeout
from tests import jumping

from .playing import played, post, started, stream
from .scripted import EVENTS_HEAD, Answer, Scripted, chunk, event, events, reset, stall, whole

pytestmark = pytest.mark.live

GOOD = whole({"id": "x"})
ASKS = pytest.mark.parametrize(("ask", "good"), [(post, GOOD), (stream, events(1))], ids=["whole", "stream"])


async def requests(replicas: Replicas, upstream: Scripted, ask: Any = post) -> tuple[int, ApiError | None]:
    """How many requests the upstream got, and the error in the end."""
    try:
        await ask(replicas)
    except ApiError as error:
        return len(upstream.received), error
    return len(upstream.received), None


@ASKS
@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_passing_failure_is_repeated(ask: Any, good: Answer, status: int) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        assert await requests(replicas, upstream, ask) == (3, None)

    played(whole({}, status), whole({}, status), good, use=use, retries=2)


@ASKS
@pytest.mark.parametrize("failing", [reset(), reset(EVENTS_HEAD)], ids=["head", "body"])
def test_a_connection_lost_before_the_first_byte_is_repeated(ask: Any, good: Answer, failing: Answer) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        assert await requests(replicas, upstream, ask) == (2, None)

    played(failing, good, use=use, retries=2)


@ASKS
def test_a_connection_that_was_kept_and_has_ended_is_no_failure(ask: Any, good: Answer) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        for _ in range(20):
            await ask(replicas)
        assert len(upstream.received) == 39
        assert upstream.connections == 20

    # However often: no budget is spent for it. But on a connection of its own a request is not sent again.
    played(*[good, reset()] * 20, use=use, retries=0)
    with pytest.raises(UpstreamFailed, match="lost"):
        played(reset(), good, use=lambda replicas, _: ask(replicas), retries=0)


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        (whole({}, 400), UpstreamRefused),
        (whole({}, 401), UpstreamFailed),
        (whole({}, 404), UpstreamFailed),
        (whole({}, 500), UpstreamFailed),
        (whole({}, 301), UpstreamFailed),
        (whole(b"<html>", content_type="text/html"), UpstreamFailed),
        (stall(), UpstreamTimeout),
        (reset(EVENTS_HEAD, chunk(event(1))), UpstreamFailed),
    ],
    ids=["400", "401", "404", "500", "301", "html", "silence", "middle"],
)
def test_what_would_fail_again_or_has_begun_is_not_repeated(failing: Answer, error: type[ApiError]) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        count, raised = await requests(replicas, upstream, stream)
        assert count == 1
        assert isinstance(raised, error)

    played(failing, GOOD, use=use, retries=2, timeouts=Timeouts(first_byte=0.2))


@pytest.mark.parametrize(("name", "value"), [("Retry_After", "0.4"), ("retry_after_ms", "400")])
def test_a_request_waits_as_long_as_it_is_asked_to(name: str, value: str) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        begin = asyncio.get_running_loop().time()
        assert await requests(replicas, upstream) == (2, None)
        assert asyncio.get_running_loop().time() - begin >= 0.4

    played(whole({}, 429, **{name: value}), GOOD, use=use, retries=1)


@pytest.mark.parametrize(("asked", "total"), [("60", 600.0), ("3", 2.0)])
def test_a_wait_that_is_too_long_is_passed_on_at_once(asked: str, total: float) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        count, error = await requests(replicas, upstream)
        assert count == 1
        assert isinstance(error, RateLimited)
        assert error.headers["retry-after"] == asked

    played(whole({}, 429, Retry_After=asked), GOOD, use=use, retries=2, timeouts=Timeouts(total=total))


def test_retries_end_with_the_budget() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        async def one() -> None:
            with pytest.raises(RateLimited):
                await post(replicas)

        await asyncio.gather(*(one() for _ in range(40)))
        # 40 requests, a fifth of them again, and what was saved up.
        assert 48 <= len(upstream.received) <= 40 + 8 + 10 + 1

    played(whole({}, 429), use=use, retries=2)


def test_one_client_uses_up_no_other_clients_retries() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        async def one(client: str) -> None:
            await replicas.post("/chat/completions", b"{}", client=client)

        await one("good")
        upstream.answers = [whole({}, 503)]
        await asyncio.gather(*(one("bad") for _ in range(60)), return_exceptions=True)
        count = len(upstream.received)
        upstream.answers = [whole({}, 503), whole({}, 503), GOOD]
        await one("good")
        assert len(upstream.received) == count + 3

    played(GOOD, use=use, retries=2)


def test_another_replica_is_preferred_for_a_retry() -> None:
    async def run() -> None:
        async with (
            Scripted(whole({}, 429, Retry_After="60")) as busy,
            Scripted(GOOD) as free,
            started(busy.base_url, free.base_url, retries=1) as replicas,
        ):
            for _ in range(4):
                assert await post(replicas)
            # Once it has said that it is busy, it is left alone.
            assert len(busy.received) <= 1
            assert len(free.received) == 4

    for _ in range(5):
        jumping.run(run())


def test_a_replica_that_is_not_there_is_not_noticed() -> None:
    async def run() -> None:
        async with Scripted() as gone:
            url = gone.base_url
        async with Scripted(GOOD) as free, started(url, free.base_url, retries=1, health_path=None) as replicas:
            for _ in range(30):
                assert await post(replicas)

    jumping.run(run())
