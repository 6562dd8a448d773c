"""Every request has an id, on its answer and in its one line of the log."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from app import accounts
from app.web.exchange import Exchange
from app.web.front import FrontMiddleware

from .asgi import Client, http_scope, run


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("parley"), "propagate", True)
    caplog.set_level(logging.INFO, "parley.requests")
    return caplog


def ask(scope: Scope, app: Any = hello, log_format: str = "text") -> Client:
    async def send() -> Client:
        client = Client()
        await FrontMiddleware(app, log_format=log_format)(scope, client.receive, client.send)
        return client

    return run(send())


def test_an_answer_bears_an_id_that_is_made() -> None:
    client = ask(http_scope())
    assert re.fullmatch("req_[0-9a-f]{32}", client.headers["x-request-id"])
    assert client.headers["x-a"] == "1"
    assert client.body == b"hello"


def test_an_id_that_is_safe_is_kept() -> None:
    assert ask(http_scope(headers={"x-request-id": "of:the.proxy-1_"})).headers["x-request-id"] == "of:the.proxy-1_"


@pytest.mark.parametrize("given", ["", "a b", "a\nb", "ü", "x" * 129])
def test_one_that_is_not_safe_is_replaced(given: str) -> None:
    assert ask(http_scope(headers={"x-request-id": given})).headers["x-request-id"].startswith("req_")


def test_the_exchange_of_a_request_is_there_for_all_below() -> None:
    found: list[Exchange] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(Exchange.of(scope))
        await hello(scope, receive, send)

    client = ask(http_scope(), app)
    assert found[0].request_id == client.headers["x-request-id"]
    assert found[0].status == 200


def test_an_answer_to_head_has_no_body() -> None:
    client = ask(http_scope("HEAD"))
    assert (client.status, client.body) == (200, b"")


@pytest.mark.parametrize(
    ("target", "path"), [("http://server/a/b", "/a/b"), ("https://server", "/"), ("ftp://server/a", "ftp://server/a")]
)
def test_a_target_in_absolute_form_is_read_as_its_path(target: str, path: str) -> None:
    scope = http_scope(path=target)
    ask(scope)
    assert scope["path"] == path


def test_a_websocket_is_closed() -> None:
    async def connect() -> list[Any]:
        client = Client()
        await FrontMiddleware(hello, log_format="text")({"type": "websocket"}, client.receive, client.send)
        return client.sent

    assert run(connect()) == [{"type": "websocket.close", "code": 1008}]


def test_the_lifespan_goes_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    ask({"type": "lifespan"}, app)
    assert seen == ["lifespan"]


def test_a_request_is_one_line_of_the_log(log: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange.of(scope)
        exchange.client, exchange.log["model"], exchange.log["tokens"] = accounts.Client("abc"), "a model", None
        await hello(scope, receive, send)

    ask(http_scope("POST", "/a", {"x-request-id": "1"}), app)
    [line] = log.messages
    assert re.fullmatch(r'id=1 method=POST path=/a status=200 ms=[0-9.]+ key=abc model="a model"', line), line


def test_fields_of_a_line_are_quoted_where_they_would_not_be_told_apart(log: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        Exchange.of(scope).log.update(cost=0.25, ok=True, quote='"', names=["a", "b"], empty="", none=None)
        await hello(scope, receive, send)

    ask(http_scope("POST", "/50%s%(a)d\u00e9", {"x-request-id": "1"}), app)
    [line] = log.messages
    assert re.sub(r"ms=[0-9.]+", "ms=1", line) == " ".join(
        [
            r'id=1 method=POST path="/50%s%(a)d\u00e9" status=200 ms=1',
            """cost=0.25 ok=True quote=" names="['a', 'b']" empty=""",
        ]
    )


def test_a_line_may_be_json(log: pytest.LogCaptureFixture) -> None:
    ask(http_scope(headers={"x-request-id": "1"}), log_format="json")
    found = json.loads(log.messages[0])
    assert found.pop("ms") >= 0
    assert found == {"id": "1", "method": "GET", "path": "/", "status": 200, "key": None}


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nothing_that_a_client_sends_breaks_a_line(log: pytest.LogCaptureFixture, log_format: str) -> None:
    ask(http_scope(path="/a b\n\x1b[31m\u2028id=2"), log_format=log_format)
    message = log.messages[0]
    assert message.isprintable()
    assert message.isascii()


def test_a_client_that_went_before_its_answer_is_logged_as_499(log: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    ask(http_scope(), app)
    assert " status=499 " in log.messages[0]


def test_a_request_that_fails_is_logged_all_the_same(log: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        ask(http_scope(), app)
    assert len(log.messages) == 1
