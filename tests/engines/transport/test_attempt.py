"""One attempt gives the first bytes of an answer, or says how it failed and whether it may be repeated."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from app.engines.transport.attempt import HttpResponse, failed_reading, send
from app.engines.transport.failures import Cause, Failed, Verdict
from app.engines.transport.http.errors import HttpError, Late, Lost, Malformed, NotConnected, Stale
from app.errors import EngineUnavailable, RateLimited, UpstreamFailed, UpstreamRefused, UpstreamTimeout

from ...patience import PATIENCE
from .memory import Http, Response, request


def run(test: Any) -> Any:
    return asyncio.run(asyncio.wait_for(test, PATIENCE))


def failure(*answers: Response | Exception, **options: Any) -> Failed:
    async def test() -> Failed:
        with pytest.raises(Failed) as caught:
            await send(Http(*answers).typed, request(**options))
        return caught.value

    failed = run(test())
    assert isinstance(failed, Failed)
    return failed


def test_an_answer_is_given_with_its_first_bytes() -> None:
    async def test() -> None:
        headers = {"Content-Type": "Text/Event-Stream; charset=utf-8"}
        http = Http(Response(b"a", b"b", headers=headers))
        answer = await send(http.typed, request(b"{}", connect=1.0, first_byte=2.0, idle=3.0, seconds=4.0))
        assert (answer.first, answer.content_type) == (b"a", "text/event-stream")
        ((target, _, body, times),) = http.asked
        assert (target.url, body) == ("http://peer/v1/x", b"{}")
        now = times.complete - 4.0
        assert [times.connected, times.begun, times.idle] == pytest.approx([now + 1.0, now + 2.0, 3.0])
        assert await answer.read() == b"b"
        assert await answer.read() == b""
        answer.close()

    run(test())


LOST = (Cause.LOST, True, UpstreamFailed)
UNREACHABLE = (Cause.UNREACHABLE, True, EngineUnavailable)
OPENING: list[tuple[HttpError, tuple[Cause, bool, type[Exception]]]] = [
    (NotConnected("no connection: ECONNREFUSED"), UNREACHABLE),
    # As it may be somebody else who answers, nothing is tried again.
    (NotConnected("no TLS connection", untrusted=True), (Cause.UNREACHABLE, False, EngineUnavailable)),
    # A connection that was never accepted says so at the first write.
    (Lost(errno.ENOTCONN), UNREACHABLE),
    (Lost(errno.EPIPE), LOST),
    (Lost(), LOST),
    (Stale(errno.ECONNRESET), LOST),
    (Late(), (Cause.LATE, False, UpstreamTimeout)),
    (Malformed(), (Cause.UNUSABLE, False, UpstreamFailed)),
]


@pytest.mark.parametrize(("error", "expected"), OPENING, ids=lambda value: type(value).__name__)
def test_a_failure_before_the_answer_is_told_by_its_cause(
    error: HttpError, expected: tuple[Cause, bool, type[Exception]]
) -> None:
    failed = failure(error)
    assert (failed.cause, failed.repeatable, type(failed.error)) == expected
    assert "peer" not in failed.reason
    verdicts = {Cause.UNREACHABLE: Verdict.GONE, Cause.LATE: Verdict.FAULTY}
    assert failed.verdict is verdicts.get(failed.cause, Verdict.BROKEN)


def test_a_connection_that_ends_before_the_body_begins_is_lost_and_closed() -> None:
    response = Response(Lost())
    failed = failure(response)
    assert (failed.cause, failed.repeatable) == (Cause.LOST, True)
    assert response.closed


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, UpstreamRefused),
        (401, UpstreamFailed),
        (429, RateLimited),
        (500, UpstreamFailed),
        (503, EngineUnavailable),
    ],
)
def test_another_status_than_2xx_is_a_failure_that_tells_what_the_body_says(
    status: int, error: type[Exception]
) -> None:
    body = b'{"error": {"message": "sk-secret is odd", "code": "c"}}'
    response = Response(body[:9], body[9:], status=status, headers={"Retry-After": "7"})
    failed = failure(response)
    assert (failed.cause, failed.status, failed.retry_after) == (Cause.STATUS, status, 7.0)
    assert isinstance(failed.error, error)
    assert failed.told == {"message": "… is odd", "code": "c"}
    assert response.closed


def test_of_an_error_that_has_no_end_only_a_part_is_read() -> None:
    response = Response(*[b"x" * (1 << 16)] * 9, status=400)
    failure(response)
    assert len(response.pieces) == 7
    assert failure(Response(b'{"error', Lost(), status=400)).status == 400, "the status says enough"


def test_an_attempt_whose_time_is_over_is_late() -> None:
    response = Response(Late())
    failed = failure(response)
    assert (failed.cause, failed.repeatable) == (Cause.LATE, False)
    assert isinstance(failed.error, UpstreamTimeout)
    assert response.closed
    assert failure(Response(Late(), status=500)).cause is Cause.LATE


def test_cancelling_an_attempt_closes_its_connection() -> None:
    async def test() -> None:
        response = Response(asyncio.Event())
        task = asyncio.create_task(send(Http(response).typed, request()))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert response.closed

    run(test())


async def opened(response: Response, **options: Any) -> HttpResponse:
    return await send(Http(response).typed, request(**options))


def test_a_whole_body_may_be_so_large_and_no_larger() -> None:
    async def test() -> None:
        assert await (await opened(Response(b"ab", b"cd"))).read_all(4) == b"abcd"
        with pytest.raises(Failed) as caught:
            await (await opened(Response(b"ab", b"cd"))).read_all(3)
        assert (caught.value.cause, caught.value.verdict) == (Cause.UNUSABLE, Verdict.FAULTY)

    run(test())


@pytest.mark.parametrize("error", [Malformed(), Lost(), Lost(errno.ETIMEDOUT)], ids=repr)
def test_an_answer_that_ends_in_the_middle_is_broken_off(error: Exception) -> None:
    async def test() -> None:
        answer = await opened(Response(b"a", error))
        with pytest.raises(HttpError) as read:
            await answer.read()
        failed = failed_reading(read.value)
        assert (failed.cause, failed.repeatable) == (Cause.BROKEN_OFF, False)
        answer.close()

    run(test())


def test_an_answer_that_stalls_is_late() -> None:
    async def test() -> None:
        answer = await opened(Response(b"a", Late()))
        with pytest.raises(Failed) as caught:
            await answer.read_all(9)
        assert (caught.value.cause, caught.value.repeatable) == (Cause.LATE, False)
        answer.close()

    run(test())


def test_an_answer_that_is_closed_closes_its_connection_unless_it_was_left() -> None:
    async def test() -> None:
        closing, leaving = Response(b"a"), Response(b"a")
        (await opened(closing)).close()
        assert closing.closed
        answer = await opened(leaving)
        answer.leave()
        answer.close()
        assert not leaving.closed, "what ends it may arrive first"

    run(test())
