"""What is known of a request on its way, and what a handler is given of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.jsontypes import Json
from app.web.answers import Stream
from app.web.exchange import Exchange, Request

from .asgi import http_scope


def test_an_exchange_is_found_in_the_scope_that_it_was_attached_to() -> None:
    exchange = Exchange("req_1")
    scope = {"type": "http"}
    exchange.attach(scope)
    assert Exchange.of(scope) is exchange
    other = http_scope()
    assert Exchange.of(other) is not exchange


def test_two_exchanges_share_nothing() -> None:
    one, other = Exchange("1"), Exchange("2")
    one.log["a"] = one.parameters["b"] = 1
    assert (other.log, other.parameters) == ({}, {})


def test_a_scope_without_an_exchange_has_not_passed_the_front() -> None:
    with pytest.raises(KeyError):
        Exchange.of({"extensions": {}})


def test_a_handler_reads_headers_and_asks_for_services() -> None:
    headers = [(b"prefer", b"a"), (b"x", b"b"), (b"prefer", "ü".encode("latin-1"))]
    request = Request("req_1", None, {}, {str: "the service"}, headers)
    assert request.lines("prefer") == ["a", "ü"]
    assert request.lines("y") == []
    assert request.service(str) == "the service"
    with pytest.raises(KeyError):
        request.service(int)


def test_two_streams_share_no_headers() -> None:
    async def events() -> AsyncIterator[Json]:
        yield {}

    assert Stream(events()).headers is not Stream(events()).headers
