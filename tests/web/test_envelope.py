"""Every exception becomes the one shape of failures, and tells a client nothing that it should not know."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from connexion.exceptions import OAuthProblem, ProblemException
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from app.errors import BadRequest, Overloaded
from app.web import envelope as module
from app.web.envelope import EnvelopeMiddleware, to_api_error
from app.web.exchange import Exchange

from .asgi import Client, http_scope, run


def ask(error: Exception | None, *pieces: bytes, started: bool = False, **scope: Any) -> tuple[Client, Exchange]:
    """What a client is sent when the application below fails; ``started``: once its answer has begun."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if started:
            Exchange.of(scope).status = 200
        if error is not None:
            raise error
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send() -> tuple[Client, Exchange]:
        client, exchange = Client(*pieces), Exchange("req_1")
        below = EnvelopeMiddleware(app, methods=_methods, sending="as a header")
        await below(http_scope(exchange=exchange, **scope), client.receive, client.send)
        return client, exchange

    return run(send())


def _methods(path: str) -> Sequence[str]:
    return ["GET", "HEAD"] if path == "/known" else []


def test_an_error_is_sent_with_its_status_its_headers_and_its_code() -> None:
    client, exchange = ask(Overloaded("Too much.", retry_after=7))
    assert client.status == 503
    assert client.headers["retry-after"] == "7"
    assert client.headers["content-length"] == str(len(client.body))
    assert json.loads(client.body) == {
        "error": {"message": "Too much.", "type": "server_error", "param": None, "code": "overloaded"}
    }
    assert client.ended
    assert exchange.log == {"error": "overloaded"}


@pytest.mark.parametrize(
    ("error", "status", "code", "part"),
    [
        (HTTPException(404), 404, "not_found", "openapi.json"),
        (HTTPException(405), 405, "method_not_allowed", "GET, HEAD"),
        (HTTPException(418), 418, None, "I'm a Teapot."),
        (OAuthProblem(), 401, "invalid_api_key", "Send it as a header"),
        (ProblemException(status=403), 403, None, "Forbidden."),
    ],
)
def test_what_a_framework_raises_has_our_words(error: Exception, status: int, code: str | None, part: str) -> None:
    client, _ = ask(error, path="/known")
    found = json.loads(client.body)["error"]
    assert (client.status, found["code"]) == (status, code)
    assert found["type"] == "invalid_request_error"
    assert part in found["message"]


def test_a_method_that_is_not_allowed_tells_those_that_are() -> None:
    assert ask(HTTPException(405), path="/known")[0].headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("error", [ValueError("sk-secret"), HTTPException(500, "sk-secret"), ProblemException()])
def test_a_fault_of_our_own_tells_nothing_and_is_logged_by_its_place(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("parley"), "propagate", True)
    client, _ = ask(error)
    assert client.status == 500
    assert json.loads(client.body)["error"]["code"] == "internal_error"
    assert "secret" not in client.body.decode() + caplog.text
    assert type(error).__name__ in caplog.text
    assert "test_envelope.py" in caplog.text


def test_an_error_of_ours_stays_as_it_is() -> None:
    error = BadRequest("no")
    assert to_api_error(error) is error


def test_an_answer_that_has_begun_is_cut() -> None:
    with pytest.raises(BadRequest):
        ask(BadRequest("no"), started=True)


def test_what_does_not_fail_is_left_alone() -> None:
    client, exchange = ask(None)
    assert (client.status, exchange.log) == (200, {})


# -- bodies of refused requests ----------------------------------------------------------------------------------

SENDING = {"content-length": "6"}


async def refused(exchange: Exchange, headers: dict[str, str], *pieces: bytes) -> Client:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise BadRequest("no")

    client = Client(*pieces)
    below = EnvelopeMiddleware(app, methods=_methods, sending="")
    await below(http_scope("POST", headers=headers, exchange=exchange), client.receive, client.send)
    assert client.status == 400
    return client


@pytest.mark.parametrize("headers", [SENDING, {"transfer-encoding": "chunked"}])
def test_what_a_refused_client_still_sends_is_read_so_that_it_reads_its_answer(headers: dict[str, str]) -> None:
    assert run(refused(Exchange("req_1"), headers, b"one", b"two")).has_read_all


@pytest.mark.parametrize(
    ("headers", "read"),
    [({}, False), ({**SENDING, "expect": "100-continue"}, False), (SENDING, True)],
    ids=["no body", "waits for a go-ahead", "read already"],
)
def test_there_is_nothing_to_read_where_nothing_comes(headers: dict[str, str], read: bool) -> None:
    exchange = Exchange("req_1", body_read=read)
    assert not run(refused(exchange, headers, b"one", b"two")).has_read_all


def test_it_is_read_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DRAIN_BYTES", 4)
    monkeypatch.setattr(module, "_DRAIN_LEAST", 0)
    client = run(refused(Exchange("req_1"), SENDING, b"one", b"two", b"three"))
    assert not client.has_read_all


def test_of_small_chunks_fewer_bytes_are_read() -> None:
    assert run(refused(Exchange("req_1"), SENDING, *[b"x" * 1024] * 30_000)).has_read_all
    assert not run(refused(Exchange("req_1"), SENDING, *[b"x"] * 40_000)).has_read_all


def test_a_client_that_sends_no_more_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DRAIN_SECONDS", 0.001)

    async def ask() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            raise BadRequest("no")

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        client = Client()
        below = EnvelopeMiddleware(app, methods=_methods, sending="")
        await below(http_scope("POST", headers=SENDING), receive, client.send)
        assert client.status == 400

    run(ask())


def test_the_lifespan_goes_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def pass_through() -> None:
        client = Client()
        await EnvelopeMiddleware(app, methods=_methods, sending="")({"type": "lifespan"}, client.receive, client.send)

    run(pass_through())
    assert seen == ["lifespan"]
