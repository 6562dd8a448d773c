"""Requests go to the replica that has least to do and works; the others are looked after in the background."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import pytest

from app.engines.transport import health, replica
from app.engines.transport.breaker import CONSECUTIVE
from app.engines.transport.replicas import Replicas
from app.errors import ApiError, EngineUnavailable, UpstreamRefused
from tests import jumping
from tests.patience import PATIENCE, until

from .playing import played, post, started, stream
from .scripted import EVENTS_HEAD, Answer, Scripted, chunk, endless, event, events, reset, stall, whole

pytestmark = pytest.mark.live

GOOD = whole({"id": "x"})


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
        for status in (400, 422, 429):
            upstream.answers = [whole({}, status)]
            await fail(replicas, 30)
        upstream.answers = [GOOD]
        assert await post(replicas)

    played(GOOD, use=use, health_path=None)


def test_one_bad_request_that_is_repeated_shuts_nobody_out_at_once() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        upstream.answers = [whole({}, 500)]
        await fail(replicas, CONSECUTIVE + 5)
        upstream.answers = [GOOD]
        assert await post(replicas)

    played(GOOD, use=use, health_path=None)


def test_a_replica_that_mended_is_found_by_a_probe_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        upstream.models = whole({}, 503)
        await fail(replicas)
        await asyncio.sleep(0.15)
        assert len(upstream.probes) > 2
        with pytest.raises(EngineUnavailable):
            await post(replicas)
        upstream.models, upstream.answers = whole({}), [GOOD]
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await post(replicas)
                    break
                except EngineUnavailable:
                    await asyncio.sleep(0.02)
        assert await replicas.ready()
        # It is believed to work: nobody probes it.
        await asyncio.sleep(0.05)
        count = len(upstream.probes)
        await asyncio.sleep(0.2)
        assert len(upstream.probes) == count

    monkeypatch.setattr(replica, "_PROBE_HOLDS", 0.0)
    played(reset(), use=use, probe_seconds=0.03)


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


def test_a_trial_that_the_upstream_refuses_has_shown_that_it_is_up() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await fail(replicas)
        upstream.answers = [whole({}, 400)]
        replicas._replicas[0].breaker.cool(0.0)
        with pytest.raises(UpstreamRefused):
            await post(replicas)
        assert replicas._replicas[0].breaker.closed

    played(reset(), use=use, health_path=None)


def test_a_trial_whose_client_goes_leaves_room_for_the_next() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await fail(replicas)
        upstream.answers = [stall(), GOOD]
        replicas._replicas[0].breaker.cool(0.0)
        trial = asyncio.create_task(post(replicas))
        await until(lambda: len(upstream.answers) == 1)
        with pytest.raises(EngineUnavailable):
            await post(replicas)
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)
        assert await post(replicas)

    played(reset(), use=use, health_path=None)


def test_a_replica_believed_broken_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await fail(replicas)

    with caplog.at_level(logging.WARNING, "parley"):
        played(reset(), use=use, health_path=None)
    assert caplog.messages[-1] == "upstream of m, replica 1 of 1: believed broken, not asked for a while"
