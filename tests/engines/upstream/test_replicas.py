"""Requests go to the replica that has least to do and works; the others are looked after in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from typing import Any

import pytest

from app.engines.transport import breaker, health, replica
from app.engines.transport.breaker import CONSECUTIVE
from app.engines.transport.options import Trial
from app.engines.transport.replicas import Replicas
from app.errors import ApiError, EngineUnavailable, UpstreamFailed, UpstreamRefused
from tests import jumping
from tests.patience import until

from .playing import played, post, started, stream
from .scripted import EVENTS_HEAD, Answer, Scripted, chunk, endless, event, events, reset, stall, whole

pytestmark = pytest.mark.live

GOOD = whole({"id": "x"})
TRIAL = Trial("/chat/completions", b'{"n": 1}')


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas that are believed broken are tried again at once, and no probe stands in for another one."""
    monkeypatch.setattr(breaker, "COOL_DOWN", 0.02)
    monkeypatch.setattr(replica, "_PROBE_HOLDS", 0.0)


async def fail(replicas: Replicas, times: int = CONSECUTIVE) -> None:
    for _ in range(times):
        with pytest.raises(ApiError):
            await post(replicas)


def test_requests_go_to_the_replica_with_the_fewest_outstanding() -> None:
    async def run() -> None:
        slow = endless(EVENTS_HEAD, chunk(event(1)), 0.05)
        async with (
            Scripted(slow) as one,
            Scripted(slow) as two,
            Scripted(slow) as three,
            started(one.base_url, two.base_url, three.base_url) as replicas,
        ):
            streams = [replicas.stream("/x", b"{}") for _ in range(9)]
            for each in streams:
                await anext(each)
            assert [len(each.received) for each in (one, two, three)] == [3, 3, 3]
            for each in streams:
                await each.aclose()

    jumping.run(run())


def test_equals_are_chosen_at_random() -> None:
    async def run() -> None:
        async with Scripted(GOOD) as one, Scripted(GOOD) as two, started(one.base_url, two.base_url) as replicas:
            for _ in range(40):
                await post(replicas)
            counts = Counter({"one": len(one.received), "two": len(two.received)})
            assert min(counts.values()) >= 5, counts

    jumping.run(run())


def test_what_fails_or_is_dropped_is_outstanding_no_more() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        for _ in range(2):
            with pytest.raises(ApiError):
                await stream(replicas)
        answer = replicas.stream("/x", b"{}")
        await anext(answer)
        await answer.aclose()
        task = asyncio.create_task(post(replicas))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await stream(replicas) == [b"1"]
        assert [each.outstanding for each in replicas._replicas] == [0]

    script = [reset(), reset(EVENTS_HEAD, chunk(event(1))), stall(EVENTS_HEAD, chunk(event(1))), stall(), events(1)]
    played(*script, use=use)


def test_a_replica_that_breaks_off_in_the_middle_is_asked_no_more() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        for _ in range(CONSECUTIVE + 3):
            with pytest.raises(ApiError):
                await stream(replicas)
        assert len(upstream.received) == CONSECUTIVE

    played(reset(EVENTS_HEAD, chunk(event(1))), use=use, health_path=None)


def test_what_a_client_gets_wrong_and_what_is_merely_busy_breaks_nothing() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        for status in (400, 401, 404, 408, 413, 422, 429):
            upstream.answers = [whole({}, status)]
            for client in 10 * ("a", "b", "c"):
                with pytest.raises(ApiError):
                    await replicas.post("/chat/completions", b"{}", client=client)
        # As llama.cpp's server answers pictures that its model cannot read.
        upstream.answers = [whole({"error": {"message": "image input is not supported", "code": 500}}, 500)]
        for client in 10 * ("a", "b", "c"):
            with pytest.raises(UpstreamRefused, match="image input"):
                await replicas.post("/chat/completions", b"{}", client=client)
        upstream.answers = [GOOD]
        assert await post(replicas)

    played(GOOD, use=use, health_path=None)


def test_a_replica_that_mended_is_found_by_a_probe_and_gets_requests_again(quickly: None) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        upstream.models = whole({}, 503)
        await fail(replicas)
        await until(lambda: len(upstream.probes) > 3)
        with pytest.raises(EngineUnavailable):
            await post(replicas)
        assert not await replicas.ready()
        # One went into a connection that was kept from a look at the models, and once more into its own.
        assert len(upstream.received) in (CONSECUTIVE, CONSECUTIVE + 1), "no client's request is a trial"
        upstream.models, upstream.answers = whole({}), [GOOD]
        await until(lambda: replicas._replicas[0].breaker.closed)
        assert await post(replicas)
        assert await replicas.ready()
        # It is believed to work: nobody probes it.
        await asyncio.sleep(0.05)
        count = len(upstream.probes)
        await asyncio.sleep(0.2)
        assert len(upstream.probes) == count

    played(reset(), use=use, probe_seconds=0.03)


def test_a_replica_whose_generation_fails_gets_requests_again_when_it_gives_a_token(quickly: None) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        for client in ("a", "b"):
            with pytest.raises(ApiError):
                await replicas.post("/chat/completions", b"{}", client=client)
        await until(lambda: len(upstream.received) > 5)
        assert {request.body for request in upstream.received[2:]} == {TRIAL.body}
        assert not await replicas.ready(), "its list of models shows nothing"
        with pytest.raises(EngineUnavailable):
            await post(replicas)
        upstream.answers = [GOOD]
        await until(lambda: replicas._replicas[0].breaker.closed)
        assert {request.path for request in upstream.received} == {"/v1/chat/completions"}
        assert upstream.received[-1].headers["content-type"] == "application/json"
        assert await post(replicas)

    played(whole({}, 500), use=use, probe_seconds=0.03, trial=TRIAL)


@pytest.mark.parametrize("status", [400, 401, 429])
def test_a_trial_that_is_refused_has_shown_that_the_upstream_is_up(status: int, quickly: None) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await fail(replicas)
        upstream.answers = [whole({}, status)]
        await until(lambda: replicas._replicas[0].breaker.closed)

    played(reset(), use=use, trial=TRIAL)


def test_a_replica_is_tried_again_whatever_befalls_a_trial(quickly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        one = replicas._replicas[0]
        usual, failures = one.try_again, [OSError("?"), ValueError("?")]

        async def try_again(*args: Any) -> None:
            if failures:
                raise failures.pop()
            await usual(*args)

        monkeypatch.setattr(one, "try_again", try_again)
        await fail(replicas)
        await until(lambda: one.breaker.closed)
        assert not failures

    played(reset(), use=use, probe_seconds=0.03)


def test_a_replica_without_a_probe_gets_requests_again_once_it_has_cooled_down(quickly: None) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await fail(replicas)
        assert not replicas._replicas[0].breaker.closed
        await until(lambda: replicas._replicas[0].breaker.closed)
        assert len(upstream.received) == CONSECUTIVE

    played(reset(), use=use, health_path=None)


def test_requests_rather_go_to_a_replica_whose_last_one_did_not_fail() -> None:
    async def run() -> None:
        async with (
            Scripted(whole({}, 500)) as odd,
            Scripted(GOOD) as good,
            started(odd.base_url, good.base_url) as replicas,
        ):
            for _ in range(40):
                with contextlib.suppress(UpstreamFailed):
                    await post(replicas)
            assert len(odd.received) <= 5
            assert all(each.breaker.closed for each in replicas._replicas)

    jumping.run(run())


def test_a_replica_that_works_is_probed_once_at_the_start() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await asyncio.sleep(0.2)
        assert await replicas.ready()
        assert [probe.path for probe in upstream.probes] == ["/v1/models"]
        assert upstream.probes[0].headers["authorization"].startswith("Bearer ")

    played(GOOD, use=use, probe_seconds=0.02)


def test_a_replica_that_is_away_at_the_start_is_not_asked_first() -> None:
    async def run() -> None:
        async with Scripted() as gone:
            url = gone.base_url
        async with Scripted(GOOD) as up, started(url, up.base_url) as replicas:
            await asyncio.sleep(0.1)
            for _ in range(20):
                assert await post(replicas)

    jumping.run(run())


def test_it_is_not_ready_while_the_upstream_does_not_answer_or_refuses_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", 0.1)

    async def run(models: Answer) -> bool:
        async with Scripted(models=models) as upstream, started(upstream.base_url) as replicas:
            return await replicas.ready()

    assert [asyncio.run(run(models)) for models in (stall(), whole({}, 401), whole({}, 500))] == [False] * 3


def test_many_who_ask_whether_it_is_ready_are_one_probe_to_the_upstream() -> None:
    async def run() -> None:
        async with Scripted(models=whole({}, 500)) as upstream, started(upstream.base_url) as replicas:
            assert not any(await asyncio.gather(*(replicas.ready() for _ in range(50))))
            assert not await replicas.ready()
            assert len(upstream.probes) == 1

    jumping.run(run())


def test_without_a_health_path_nothing_is_probed() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        assert await replicas.ready()
        await fail(replicas)
        assert not await replicas.ready()
        assert not upstream.probes

    played(reset(), use=use, health_path=None)


def test_a_replica_believed_broken_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await fail(replicas)

    with caplog.at_level(logging.WARNING, "parley"):
        played(reset(), use=use, health_path=None)
    assert caplog.messages[-1] == "upstream of m, replica 1 of 1: considered broken, not used for a while"
