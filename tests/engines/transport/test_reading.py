"""An answer of a replica is read to its end, or its connection closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.engines.transport.events import MISSING_DONE
from app.engines.transport.failures import Cause, Failed
from app.engines.transport.http.errors import Lost, Malformed
from app.engines.transport.replicas import Replicas
from app.errors import ApiError, ServerError, UpstreamFailed

from .memory import Piece, Response
from .opened import DONE, A, B, Open, busy, event, good, post, run, stream, streaming

ways = pytest.mark.parametrize("ask", [post, stream])


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
    (post, lambda: Response(A, Lost()), {}),
    (stream, lambda: streaming(event(A), Malformed()), {}),
]


@pytest.mark.parametrize(("ask", "answer", "options"), UNUSABLE, ids=range(len(UNUSABLE)))
def test_an_answer_that_breaks_the_protocol_or_a_limit_is_a_failure_and_not_repeated(
    opened: Open, ask: Any, answer: Callable[[], Response], options: Any
) -> None:
    response = answer()
    made = opened(response, **options)
    with pytest.raises(UpstreamFailed):
        run(made, ask)
    assert len(made.http.asked) == 1
    assert response.closed


def test_a_body_without_a_type_is_what_was_asked_for(opened: Open) -> None:
    for kind in ("text/plain", ""):
        assert run(opened(Response(A, headers={"Content-Type": kind})), post) == A
        assert run(opened(Response(event(A), DONE, headers={"Content-Type": kind})), stream) == [[A]]


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
    bodies = [(target.url, body) for target, _, body, _ in made.http.asked]
    assert bodies == [("http://a/v1/x", b"{}"), ("http://a/v1/models", None), ("http://a/v1/x", b"{}")]
    first, second, third = (fields for _, fields, _, _ in made.http.asked)
    for fields in (first, second, third):
        assert fields.get("Authorization") == "Bearer sk-secret"
        assert fields.get("OpenAI-Organization") == "org"
        assert fields.get("Accept-Encoding") == "identity"
    assert (first.get("Content-Type"), second.get("Content-Type")) == ("application/json", None)
    assert str(third.get("Accept")).startswith("text/event-stream")


def test_a_failure_may_be_told_in_the_words_of_who_asks(opened: Open) -> None:
    def explain(failed: Failed) -> ApiError:
        assert (failed.cause, failed.status) == (Cause.STATUS, 400)
        return ServerError("ours")

    async def use(replicas: Replicas) -> None:
        with pytest.raises(ServerError, match="ours"):
            await replicas.post("/x", b"{}", explain=explain)

    run(opened(busy(400)), use)


def test_the_body_of_the_request_is_not_held_while_a_stream_is_read(opened: Open) -> None:
    freed: list[bool] = []

    class Body(bytes):
        def __del__(self) -> None:
            freed.append(True)

    made = opened(streaming(event(A), event(B), DONE))

    async def use(replicas: Replicas) -> list[Any]:
        steps = replicas.stream("/x", Body(b"{}"))
        first = await anext(steps)
        made.http.asked.clear()
        assert freed
        return [first, *[step async for step in steps]]

    assert run(made, use) == [[A], [B]]
