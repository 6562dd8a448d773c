"""A request goes to one of several replicas, and is repeated while that may help."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.engines.transport.breaker import CONSECUTIVE, LONGEST_COOL_DOWN
from app.engines.transport.http.errors import Late, Lost, NotConnected
from app.engines.transport.replicas import Replicas
from app.errors import ApiError, EngineUnavailable, UpstreamFailed, UpstreamRefused, UpstreamTimeout

from .opened import A, Open, busy, good, post, run, stream

ways = pytest.mark.parametrize("ask", [post, stream])


@ways
@pytest.mark.parametrize("first", [503, 429, Lost(), NotConnected("it is away")], ids=repr)
def test_a_passing_failure_is_repeated(opened: Open, ask: Any, first: int | Exception) -> None:
    made = opened(busy(first) if isinstance(first, int) else first, good())
    assert run(made, ask) in (A, [A])
    assert len(made.http.asked) == 2


@ways
@pytest.mark.parametrize(
    ("failing", "error"), [(400, UpstreamRefused), (500, UpstreamFailed), (Late(), UpstreamTimeout)], ids=repr
)
def test_what_would_fail_again_is_not_repeated(
    opened: Open, ask: Any, failing: int | Exception, error: type[ApiError]
) -> None:
    made = opened(busy(failing) if isinstance(failing, int) else failing)
    with pytest.raises(error):
        run(made, ask)
    assert len(made.http.asked) == 1


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_request_is_repeated_as_often_as_configured(opened: Open, retries: int) -> None:
    made = opened(*(busy() for _ in range(9)), retries=retries)
    with pytest.raises(EngineUnavailable):
        run(made, post)
    assert len(made.http.asked) == retries + 1


def test_a_retry_goes_to_another_replica_where_there_is_one(opened: Open) -> None:
    for failing in (busy(503), busy(401), busy(404)):
        made = opened(failing, good(), urls=("http://a/v1", "http://b/v1"))
        assert run(made, post) == A
        assert sorted(made.hosts) == ["a", "b"]


@pytest.mark.parametrize("status", [401, 404])
def test_a_replica_that_lacks_our_key_or_model_leaves_further_requests_to_another(opened: Open, status: int) -> None:
    made = opened(busy(status), *(good() for _ in range(6)), urls=("http://a/v1", "http://b/v1"))

    async def use(replicas: Replicas) -> None:
        for _ in range(6):
            assert await post(replicas) == A

    run(made, use)
    first, *others = made.hosts
    assert first not in others


def test_a_wait_that_is_too_long_is_passed_on(opened: Open) -> None:
    made = opened(busy(429, **{"Retry-After": "11"}), good())
    with pytest.raises(ApiError) as caught:
        run(made, post)
    assert caught.value.headers == {"retry-after": "11"}
    assert len(made.http.asked) == 1


def test_a_replica_that_keeps_failing_is_asked_no_more_until_it_has_cooled_down(opened: Open) -> None:
    gone = NotConnected("nobody is there")
    made = opened(*[gone] * CONSECUTIVE, good(), retries=0)

    async def use(replicas: Replicas) -> None:
        for _ in range(CONSECUTIVE):
            with pytest.raises(EngineUnavailable):
                await post(replicas)
        with pytest.raises(EngineUnavailable) as caught:
            await post(replicas)
        assert int(caught.value.headers["retry-after"]) >= 1
        assert len(made.http.asked) == CONSECUTIVE
        replicas._replicas[0].breaker.mended(replicas._now() + LONGEST_COOL_DOWN)
        assert await post(replicas) == A

    run(made, use)


@ways
def test_a_process_that_is_started_again_is_asked_patiently_and_never_avoided(opened: Open, ask: Any) -> None:
    away = NotConnected("no such file")
    made = opened(*[away] * (2 * CONSECUTIVE), good(), supervised=True)
    assert run(made, ask) in (A, [A])
    assert len(made.http.asked) == 2 * CONSECUTIVE + 1
    lost = opened(Lost(), Lost(), supervised=True)
    with pytest.raises(ApiError):
        run(lost, ask)
    assert len(lost.http.asked) == 2, "it may be what ends the process"


def test_before_its_start_and_after_its_end_it_is_unavailable(opened: Open) -> None:
    async def test() -> None:
        replicas = opened(good()).replicas
        for _ in range(2):
            assert not await replicas.ready()
            with pytest.raises(EngineUnavailable):
                await post(replicas)
            await replicas.close()
            await replicas.start()
            assert await replicas.ready()
            await replicas.close()

    asyncio.run(test())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("answer", "asked"),
    [(200, True), (404, True), (503, True), (NotConnected("no"), False)],
    ids=["up", "without a list", "busy", "away"],
)
def test_a_replica_that_is_away_at_the_start_is_not_asked_first(
    opened: Open, answer: int | Exception, asked: bool
) -> None:
    made = opened(busy(answer) if isinstance(answer, int) else answer, health_path="/models")

    async def use(replicas: Replicas) -> None:
        await settle()
        assert made.hosts == ["a"]
        assert replicas._replicas[0].breaker.closed is asked

    run(made, use)


def test_it_is_ready_when_one_replica_answers(opened: Open) -> None:
    urls = ("http://a/v1", "http://b/v1")
    for answers, ready in (([busy(500), good()], True), ([busy(500), busy(500)], False)):
        made = opened(*answers, urls=urls, health_path="/models")
        assert run(made, lambda replicas: replicas.ready()) is ready
        assert sorted(made.hosts) == ["a", "b"], "who asks shares the probes of the start"


def test_a_process_is_asked_anew_whether_it_is_ready(opened: Open) -> None:
    made = opened(good(), busy(503), good(), supervised=True, health_path="/health")

    async def use(replicas: Replicas) -> list[bool]:
        return [await replicas.ready() for _ in range(3)]

    assert run(made, use) == [True, False, True]
