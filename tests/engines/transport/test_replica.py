"""A replica remembers what became of its attempts, and shares its probes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.engines.transport.breaker import CONSECUTIVE, LONGEST_COOL_DOWN
from app.engines.transport.failures import Cause, Failed, Verdict
from app.engines.transport.http.request import Fields
from app.engines.transport.options import UpstreamOptions
from app.engines.transport.patience import PATIENCE as WAITED_FOR
from app.engines.transport.patience import Patience
from app.engines.transport.replica import Replica
from app.engines.transport.retrying import LONGEST_ASKED_PAUSE
from app.errors import EngineUnavailable

from ...patience import PATIENCE
from .memory import Http, Response


def replica(index: int = 0) -> Replica:
    return Replica(UpstreamOptions(name="m", base_urls=("http://a/v1/", "http://b/v1")), index)


def failed(verdict: Verdict, cause: Cause = Cause.STATUS, **more: Any) -> Failed:
    return Failed(cause, "x", EngineUnavailable("x"), verdict, **more)


def run(test: Any) -> Any:
    return asyncio.run(asyncio.wait_for(test, PATIENCE))


def test_a_replica_is_named_by_its_place_and_knows_its_addresses() -> None:
    assert (replica(1).label, replica(0).target("/models").url) == ("replica 2 of 2", "http://a/v1/models")


def test_failures_in_a_row_make_it_believed_broken() -> None:
    one = replica()
    one.seen = True
    opened = [one.judge(failed(Verdict.GONE), "a", 0.0) for _ in range(CONSECUTIVE)]
    assert opened == [False] * (CONSECUTIVE - 1) + [True]
    assert not one.breaker.closed
    assert not one.seen


@pytest.mark.parametrize("verdict", [Verdict.BUSY, Verdict.SOUND])
def test_what_does_not_speak_against_it_breaks_nothing(verdict: Verdict) -> None:
    one = replica()
    for client in ("a", "b", "c") * CONSECUTIVE:
        assert not one.judge(failed(verdict), client, 0.0)
    assert one.breaker.closed


def test_it_is_left_alone_for_as_long_as_it_asks_within_bounds() -> None:
    one = replica()
    one.judge(failed(Verdict.BUSY, retry_after=3.0), "a", 10.0)
    assert one.busy_until == 13.0
    one.judge(failed(Verdict.BUSY, retry_after=1.0), "a", 10.0)
    assert one.busy_until == 13.0
    one.judge(failed(Verdict.BUSY, retry_after=1e6), "a", 10.0)
    assert one.busy_until == 10.0 + LONGEST_ASKED_PAUSE
    other = replica()
    other.judge(failed(Verdict.SOUND, retry_after=3.0), "a", 10.0)
    assert other.busy_until == 0.0
    other.judge(failed(Verdict.SOUND, elsewhere=True), "a", 10.0)
    assert other.busy_until == 10.0 + LONGEST_ASKED_PAUSE


def test_those_who_probe_at_the_same_time_share_one_probe_and_so_do_those_who_come_soon_after() -> None:
    async def test() -> None:
        http, one = Http(Response(b"{}")), replica()
        probes = [one.probe(http.typed, Fields()) for _ in range(5)]
        assert await asyncio.gather(*probes) == [None] * 5
        assert await one.probe(http.typed, Fields()) is None
        ((target, _, body, _),) = http.asked
        assert (target.url, body) == ("http://a/v1/models", None)
        assert one.seen
        http.answers = [Response(b"{}", status=500)]
        assert await one.probe(http.typed, Fields(), fresh=True) is not None
        assert len(http.asked) == 2

    run(test())


@pytest.mark.parametrize(
    ("status", "up"), [(200, True), (404, True), (405, True), (429, True), (401, True), (500, False)]
)
def test_a_probe_that_is_answered_closes_its_breaker(status: int, up: bool) -> None:
    async def test() -> None:
        one = replica()
        now = asyncio.get_running_loop().time()
        one.breaker.open(now - LONGEST_COOL_DOWN)
        response = Response(b"{}", status=status)
        await one.try_again(Http(response).typed, Fields(), Fields())
        assert one.breaker.closed is up
        assert response.closed

    run(test())


def test_a_probe_whose_asker_goes_is_ended_with_the_replica() -> None:
    async def test() -> None:
        response, one = Response(asyncio.Event()), replica()
        asking = asyncio.create_task(one.probe(Http(response).typed, Fields()))
        for _ in range(5):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert not response.closed, "others may wait for it"
        await one.end_probe()
        assert response.closed
        await one.end_probe()

    run(test())


class Clock:
    """The time of a request that is asked patiently."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)


def test_a_process_that_is_started_again_is_waited_for_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        clock = Clock(monkeypatch)
        patience = Patience()
        away = failed(Verdict.BROKEN, Cause.UNREACHABLE)
        loading = failed(Verdict.BROKEN, Cause.STATUS, status=503)
        for error in (away, loading):
            patience.asks()
            assert patience.pause(error)
        clock.now += WAITED_FOR
        assert patience.pause(away) is None
        assert patience.pause(loading) is None

    asyncio.run(test())


def test_a_request_under_which_a_process_died_at_once_is_asked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        clock = Clock(monkeypatch)
        lost = failed(Verdict.BROKEN, Cause.LOST)
        patience = Patience()
        patience.asks()
        assert patience.pause(lost)
        assert patience.pause(lost) is None
        late = Patience()
        late.asks()
        clock.now += 1.0
        assert late.pause(lost) is None, "it was read, and may be what killed it"
        for cause in (Cause.BROKEN_OFF, Cause.LATE, Cause.UNUSABLE):
            assert Patience().pause(failed(Verdict.BROKEN, cause)) is None
        assert Patience().pause(failed(Verdict.BROKEN, Cause.STATUS, status=500)) is None

    asyncio.run(test())
