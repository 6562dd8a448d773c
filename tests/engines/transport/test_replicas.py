"""A request goes to one of several replicas, is repeated while that may help, and its answer read to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from app.engines.transport import patience, retrying, session
from app.engines.transport.breaker import CONSECUTIVE
from app.engines.transport.events import MISSING_DONE
from app.engines.transport.failures import Cause, Failed
from app.engines.transport.options import UpstreamOptions
from app.engines.transport.replicas import Replicas
from app.errors import ApiError, EngineUnavailable, ServerError, UpstreamFailed, UpstreamRefused, UpstreamTimeout

from ...patience import PATIENCE
from .memory import Piece, Response, Session

EVENTS = {"Content-Type": "text/event-stream"}
A, B = b'{"a": 1}', b'{"b": 2}'
DONE = b"data: [DONE]\n\n"


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def streaming(*pieces: Piece) -> Response:
    return Response(*pieces, headers=EVENTS)


class Opened:
    """Replicas over a session in memory."""

    def __init__(self, session: Session, urls: tuple[str, ...], supervised: bool, options: dict[str, Any]) -> None:
        given: dict[str, Any] = {"name": "m", "base_urls": urls, "key": "sk-secret", "health_path": None, **options}
        self.session = session
        self.replicas = Replicas(UpstreamOptions(**given), supervised=supervised)

    @property
    def hosts(self) -> list[str]:
        """Whom the requests went to."""
        return [asked["url"].host for asked in self.session.asked]

    @property
    def outstanding(self) -> int:
        return sum(replica.outstanding for replica in self.replicas._replicas)


Open = Callable[..., Opened]
Answer = Response | Exception


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Makes replicas; start them on the loop that uses them. Nobody waits before a request is repeated."""
    monkeypatch.setattr(retrying, "pause", lambda retry: 0.0)
    monkeypatch.setattr(patience, "_PAUSE", 0.0)

    def make(
        *answers: Answer,
        urls: tuple[str, ...] = ("http://a/v1",),
        supervised: bool = False,
        **options: Any,
    ) -> Opened:
        made = Opened(Session(*answers), urls, supervised, options)
        monkeypatch.setattr(session, "acquire", lambda socket=None: made.session)

        async def release(socket: str | None = None) -> None:
            pass

        monkeypatch.setattr(session, "release", release)
        return made

    return make


def run(made: Opened, use: Callable[[Replicas], Awaitable[Any]]) -> Any:
    async def test() -> Any:
        await made.replicas.start()
        try:
            return await use(made.replicas)
        finally:
            assert made.outstanding == 0
            await made.replicas.close()

    return asyncio.run(asyncio.wait_for(test(), PATIENCE))


async def post(replicas: Replicas) -> bytes:
    return await replicas.post("/x", b"{}")


async def stream(replicas: Replicas) -> list[Any]:
    return [step async for step in replicas.stream("/x", b"{}")]


ways = pytest.mark.parametrize("ask", [post, stream])


def good() -> Response:
    return Response(A)  # also where a stream was asked for


def busy(status: int = 503, **headers: str) -> Response:
    return Response(b"{}", status=status, headers=headers)


@pytest.mark.parametrize(
    ("pieces", "steps"),
    [
        ([event(A) + event(B), DONE], [[A, B]]),
        ([event(A), event(B), DONE], [[A], [B]]),
        ([event(A)[:5], event(A)[5:], DONE], [[A]]),
        ([event(A) + DONE], [[A]]),
        ([event(A) + DONE + event(B)], [[A]]),
        ([DONE], []),
        ([event(A)], [[A], [MISSING_DONE]]),
        ([b": ping\n\n", event(A), DONE], [[A]]),
    ],
    ids=range(8),
)
def test_events_are_given_together_as_they_came_up_to_the_end(opened: Open, pieces: list[Piece], steps: Any) -> None:
    response = streaming(*pieces)
    assert run(opened(response), stream) == steps
    assert response.closed is (MISSING_DONE in (steps[-1] if steps else [])), "after [DONE] what ends it may arrive"


def test_json_in_the_place_of_a_stream_is_its_body(opened: Open) -> None:
    for kind in ("application/json", "application/problem+json; charset=utf-8"):
        assert run(opened(Response(A[:3], A[3:], headers={"Content-Type": kind})), stream) == [A]


UNUSABLE: list[tuple[Any, Callable[[], Response], dict[str, Any]]] = [
    (post, lambda: Response(A, headers={"Content-Type": "text/html"}), {}),
    (stream, lambda: Response(A, headers={"Content-Type": "text/html"}), {}),
    (stream, lambda: streaming(b": ping\n\n"), {}),
    (post, lambda: Response(A), {"max_answer": 7}),
    (stream, lambda: Response(A), {"max_answer": 7}),
    (stream, lambda: streaming(event(A)), {"max_event": 7}),
    (post, lambda: Response(A, ConnectionResetError()), {}),
    (stream, lambda: streaming(event(A), aiohttp.ClientPayloadError()), {}),
]


@pytest.mark.parametrize(("ask", "answer", "options"), UNUSABLE, ids=range(len(UNUSABLE)))
def test_an_answer_that_breaks_the_protocol_or_a_limit_is_a_failure_and_not_repeated(
    opened: Open, ask: Any, answer: Callable[[], Response], options: Any
) -> None:
    response = answer()
    made = opened(response, **options)
    with pytest.raises(UpstreamFailed):
        run(made, ask)
    assert len(made.session.asked) == 1
    assert response.closed


def test_a_body_without_a_type_is_what_was_asked_for(opened: Open) -> None:
    for kind in ("text/plain", ""):
        assert run(opened(Response(A, headers={"Content-Type": kind})), post) == A
        assert run(opened(Response(event(A), DONE, headers={"Content-Type": kind})), stream) == [[A]]


@ways
@pytest.mark.parametrize(
    "first", [busy(503), busy(429), ConnectionResetError(), aiohttp.ServerDisconnectedError()], ids=repr
)
def test_a_passing_failure_is_repeated(opened: Open, ask: Any, first: Any) -> None:
    made = opened(first, good())
    assert run(made, ask) in (A, [A])
    assert len(made.session.asked) == 2


@ways
@pytest.mark.parametrize(
    ("failing", "error"), [(400, UpstreamRefused), (500, UpstreamFailed), (TimeoutError(), UpstreamTimeout)], ids=repr
)
def test_what_would_fail_again_is_not_repeated(
    opened: Open, ask: Any, failing: int | Exception, error: type[ApiError]
) -> None:
    made = opened(busy(failing) if isinstance(failing, int) else failing)
    with pytest.raises(error):
        run(made, ask)
    assert len(made.session.asked) == 1


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_request_is_repeated_as_often_as_configured(opened: Open, retries: int) -> None:
    made = opened(*(busy() for _ in range(9)), retries=retries)
    with pytest.raises(EngineUnavailable):
        run(made, post)
    assert len(made.session.asked) == retries + 1


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
    assert len(made.session.asked) == 1


def test_a_replica_that_keeps_failing_is_asked_no_more_until_it_has_cooled_down(opened: Open) -> None:
    made = opened(*(busy(502) for _ in range(CONSECUTIVE)), good(), retries=0)

    async def use(replicas: Replicas) -> None:
        for _ in range(CONSECUTIVE):
            with pytest.raises(UpstreamFailed):
                await post(replicas)
        with pytest.raises(EngineUnavailable) as caught:
            await post(replicas)
        assert int(caught.value.headers["retry-after"]) >= 1
        assert len(made.session.asked) == CONSECUTIVE
        replicas._replicas[0].breaker.cool(replicas._now())
        assert await post(replicas) == A

    run(made, use)


@ways
def test_a_process_that_is_started_again_is_asked_patiently_and_never_avoided(opened: Open, ask: Any) -> None:
    away = aiohttp.ClientOSError(2, "no such file")
    made = opened(*[away] * (2 * CONSECUTIVE), good(), supervised=True)
    assert run(made, ask) in (A, [A])
    assert len(made.session.asked) == 2 * CONSECUTIVE + 1
    lost = opened(ConnectionResetError(), ConnectionResetError(), supervised=True)
    with pytest.raises(ApiError):
        run(lost, ask)
    assert len(lost.session.asked) == 2, "it may be what ends the process"


def test_closing_a_stream_closes_its_connection_and_is_no_failure(opened: Open) -> None:
    response = streaming(event(A), asyncio.Event())
    made = opened(response)

    async def use(replicas: Replicas) -> None:
        steps = replicas.stream("/x", b"{}")
        assert await anext(steps) == [A]
        assert made.outstanding == 1
        await steps.aclose()
        assert response.closed

    run(made, use)
    assert made.replicas._replicas[0].breaker.closed


@ways
def test_cancelling_a_request_closes_its_connection(opened: Open, ask: Any) -> None:
    response = streaming(event(A), asyncio.Event()) if ask is stream else Response(b"{", asyncio.Event())

    async def use(replicas: Replicas) -> None:
        task = asyncio.ensure_future(ask(replicas))
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert response.closed

    run(opened(response), use)


def test_requests_carry_the_key_and_what_is_configured(opened: Open) -> None:
    made = opened(good(), good(), good(), headers={"OpenAI-Organization": "org"})

    async def use(replicas: Replicas) -> None:
        await post(replicas)
        await replicas.get("/models")
        await stream(replicas)

    run(made, use)
    first, second, third = made.session.asked
    assert (first["method"], str(first["url"]), first["data"]) == ("POST", "http://a/v1/x", b"{}")
    assert (second["method"], str(second["url"]), second["data"]) == ("GET", "http://a/v1/models", None)
    for asked in (first, second, third):
        assert asked["headers"]["Authorization"] == "Bearer sk-secret"
        assert asked["headers"]["OpenAI-Organization"] == "org"
    assert "Content-Type" not in second["headers"]
    assert third["headers"]["Accept"].startswith("text/event-stream")


def test_a_failure_may_be_told_in_the_words_of_who_asks(opened: Open) -> None:
    def explain(failed: Failed) -> ApiError:
        assert (failed.cause, failed.status) == (Cause.STATUS, 400)
        return ServerError("ours")

    async def use(replicas: Replicas) -> None:
        with pytest.raises(ServerError, match="ours"):
            await replicas.post("/x", b"{}", explain=explain)

    run(opened(busy(400)), use)


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
    [(200, True), (404, True), (503, True), (aiohttp.ClientOSError(2, "no"), False)],
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
