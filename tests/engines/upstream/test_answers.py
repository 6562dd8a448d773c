"""What a well-behaved upstream sends arrives, whatever its way of saying it."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import pytest

from app.engines.transport.events import MISSING_DONE
from app.engines.transport.replicas import Replicas
from tests import jumping

from ..scripted_replicas import Whole
from .playing import KEY, played, post, started, stream
from .scripted import EVENTS_HEAD, LAST_CHUNK, Scripted, chunk, event, events, head, pieces, whole

pytestmark = pytest.mark.live

A, B = b'{"a": 1}', b'{"b": 2}'
BOTH = event(A) + event(B) + event(b"[DONE]")


def test_a_whole_answer_is_given_as_it_is() -> None:
    assert json.loads(played(whole({"id": "x"}), use=post)) == {"id": "x"}


def test_events_are_given_without_done() -> None:
    assert played(events({"a": 1}, {"b": 2}), use=stream) == [A, B]


def test_a_stream_without_done_says_so_last() -> None:
    assert played(events({"a": 1}, done=False), use=stream) == [A, MISSING_DONE]


def test_what_comes_after_done_is_not_given() -> None:
    assert played(pieces(EVENTS_HEAD, chunk(BOTH + event(A)) + LAST_CHUNK), use=stream) == [A, B]


def test_json_in_place_of_a_stream_is_given_as_a_whole() -> None:
    [answer] = played(whole({"id": "x"}, content_type="application/json; charset=utf-8"), use=stream)
    assert isinstance(answer, Whole)
    assert json.loads(answer.body) == {"id": "x"}


def test_a_stream_cut_at_every_byte_is_the_same_stream() -> None:
    body = b": ping\n\n" + event(A) + b"event: x\r\nid: 7\r\ndata: {\r\ndata: }\r\n\r\ndata:c\r\r" + event(b"[DONE]")

    async def use(replicas: Replicas, upstream: Scripted) -> None:
        for cut in range(1, len(body)):
            upstream.answers = [pieces(EVENTS_HEAD, chunk(body[:cut]), chunk(body[cut:]) + LAST_CHUNK, then="keep")]
            assert await stream(replicas) == [A, b"{\n}", b"c"], cut

    played(events(), use=use)


def test_a_stream_byte_by_byte_is_the_same_stream() -> None:
    answer = pieces(EVENTS_HEAD, *(chunk(bytes([byte])) for byte in BOTH), LAST_CHUNK)
    assert played(answer, use=stream) == [A, B]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_is_compressed_is_inflated(coding: str) -> None:
    squeeze = gzip.compress if coding == "gzip" else zlib.compress
    answer = played(whole(squeeze(A), Content_Encoding=coding), use=post)
    assert answer == A
    body = squeeze(BOTH)
    half = len(body) // 2
    begin = head(content_type="text/event-stream", transfer_encoding="chunked", content_encoding=coding)
    assert played(pieces(begin, chunk(body[:half]), chunk(body[half:]) + LAST_CHUNK), use=stream) == [A, B]


def test_chunks_with_extensions_and_trailers_are_read() -> None:
    odd = b"%x;name=value\r\n%s\r\n0\r\nx-trailer: 1\r\n\r\n" % (len(BOTH), BOTH)
    assert played(pieces(EVENTS_HEAD + odd), use=stream) == [A, B]


def test_a_stream_that_ends_with_its_connection_is_read() -> None:
    assert played(pieces(head(content_type="text/event-stream") + BOTH), use=stream) == [A, B]


def test_an_upstream_that_closes_its_side_first_is_read() -> None:
    assert played(pieces(head(content_type="text/event-stream") + BOTH, then="half-close"), use=stream) == [A, B]


def test_a_stream_without_content_type_is_read_as_events() -> None:
    assert played(pieces(head(content_type=None) + BOTH), use=stream) == [A, B]


def test_the_upstream_gets_the_body_the_key_and_the_configured_headers() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await replicas.post("/chat/completions", b'{"model": "x"}')
        await stream(replicas)
        await replicas.get("/things")
        first, second, third = upstream.received
        assert (first.method, first.path, first.body) == ("POST", "/v1/chat/completions", b'{"model": "x"}')
        assert first.headers["authorization"] == f"Bearer {KEY}"
        assert first.headers["openai-organization"] == "org"
        assert first.headers["content-type"] == "application/json"
        assert (first.headers["user-agent"], first.headers["accept-encoding"]) == ("parley", "identity")
        assert second.headers["accept"].startswith("text/event-stream")
        assert (third.method, third.path, "content-type" in third.headers) == ("GET", "/v1/things", False)

    played(whole({}), events({}), whole({}), use=use, headers={"OpenAI-Organization": "org"})


def test_no_cookie_is_kept() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await post(replicas)
        await post(replicas)
        assert "cookie" not in upstream.received[1].headers

    played(whole({}, Set_Cookie="a=b; Path=/"), use=use)


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert played(whole({}), use=post)


@pytest.mark.filterwarnings("error")
def test_a_large_request_arrives_whole() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await replicas.post("/x", b"x" * 3_000_000)
        assert len(upstream.received[0].body) == 3_000_000

    played(whole({}), use=use)


def test_answers_and_streams_leave_the_connection_for_the_next_request() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        await replicas.ready()
        begun = upstream.connections
        for _ in range(3):
            assert await stream(replicas) == [A]
            await post(replicas)
            await asyncio.sleep(0.02)
        assert upstream.connections == begun

    played(events({"a": 1}), whole({}), events({"a": 1}), whole({}), events({"a": 1}), whole({}), use=use)


def test_a_connection_whose_stream_ends_a_little_after_done_is_left_for_the_next_request() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        for _ in range(3):
            assert await stream(replicas) == [A, B]
            await asyncio.sleep(0.2)
        assert upstream.connections == 1

    answer = pieces(EVENTS_HEAD, chunk(BOTH), LAST_CHUNK, pause=0.05, then="keep")
    played(answer, use=use, health_path=None)


def test_a_connection_whose_stream_does_not_end_after_done_is_closed() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        assert await stream(replicas) == [A, B]
        await upstream.all_gone()

    played(pieces(EVENTS_HEAD, chunk(BOTH), then="stall"), use=use, health_path=None)


def test_all_upstreams_of_a_worker_share_one_pool() -> None:
    async def run() -> None:
        async with Scripted(whole({})) as upstream:
            async with started(upstream.base_url, health_path=None) as one:
                await post(one)
                async with started(upstream.base_url, health_path=None) as other:
                    await post(other)
                await post(one)
            assert upstream.connections == 1
            await upstream.all_gone()

    jumping.run(run())
