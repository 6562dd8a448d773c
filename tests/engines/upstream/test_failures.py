"""An upstream that misbehaves costs its client one clear error, and nobody else anything."""

from __future__ import annotations

import asyncio
import gzip
import logging
import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.engines.transport.options import Timeouts
from app.engines.transport.replicas import Replicas
from app.errors import ApiError, EngineUnavailable, UpstreamFailed, UpstreamTimeout
from app.web.conventions import envelope

from .playing import played, post, started, stream
from .scripted import (
    EVENTS_HEAD,
    LAST_CHUNK,
    Answer,
    Scripted,
    chunk,
    endless,
    event,
    events,
    head,
    pieces,
    reset,
    stall,
    whole,
)

pytestmark = pytest.mark.live

A = b'{"a": 1}'
ASKS: list[Callable[..., Any]] = [post, stream]
both = pytest.mark.parametrize("ask", ASKS, ids=["whole", "stream"])


def failure(answer: Answer, ask: Callable[..., Any], error: type[ApiError], **changes: Any) -> ApiError:
    with pytest.raises(error) as caught:
        played(answer, use=ask, **changes)
    told = str(envelope(caught.value))
    assert "127.0.0.1" not in told
    assert "sk-" not in told
    return caught.value


async def pieces_until_failure(replicas: Replicas, _: Scripted) -> tuple[list[Any], ApiError]:
    found: list[Any] = []
    try:
        async for step in replicas.stream("/x", b"{}"):
            found += [step] if isinstance(step, bytes) else step
    except ApiError as error:
        return found, error
    raise AssertionError("it did not fail")


@both
def test_a_silent_upstream_is_a_timeout(ask: Any) -> None:
    error = failure(stall(), ask, UpstreamTimeout, timeouts=Timeouts(first_byte=0.1))
    assert (error.status, error.code) == (504, "upstream_timeout")


@both
def test_an_upstream_that_never_gets_to_its_body_is_a_timeout(ask: Any) -> None:
    failure(stall(EVENTS_HEAD), ask, UpstreamTimeout, timeouts=Timeouts(first_byte=0.1))


@both
def test_headers_that_never_end_are_a_timeout_or_too_many(ask: Any) -> None:
    slow = endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", pause=0.02)
    failure(slow, ask, UpstreamTimeout, timeouts=Timeouts(first_byte=0.2))
    failure(endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 100), ask, UpstreamFailed)
    failure(endless(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 1000), ask, UpstreamFailed)


def test_interim_answers_without_end_are_a_timeout() -> None:
    failure(
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01), post, UpstreamTimeout, timeouts=Timeouts(first_byte=0.2)
    )


def test_a_stall_in_the_middle_is_a_timeout_after_what_came() -> None:
    answer = stall(EVENTS_HEAD, chunk(event(A)))
    found, error = played(answer, use=pieces_until_failure, timeouts=Timeouts(idle=0.1))
    assert found == [A]
    assert isinstance(error, UpstreamTimeout)
    failure(stall(head(content_length="9") + b"{"), post, UpstreamTimeout, timeouts=Timeouts(idle=0.1))


def test_a_stream_may_take_longer_than_its_idle_time_when_bytes_come() -> None:
    answer = events(*range(8), pause=0.05)
    assert len(played(answer, use=stream, timeouts=Timeouts(idle=0.2))) == 8


def test_pings_keep_a_stream_alive() -> None:
    ping = chunk(b": ping\n\n")
    answer = pieces(EVENTS_HEAD, *[ping] * 8, chunk(event(A) + event(b"[DONE]")) + LAST_CHUNK, pause=0.05)
    assert played(answer, use=stream, timeouts=Timeouts(first_byte=0.2, idle=0.2)) == [A]


def test_a_slow_reader_is_not_the_upstreams_stall() -> None:
    async def use(replicas: Replicas, _: Scripted) -> None:
        found: list[Any] = []
        async for step in replicas.stream("/x", b"{}"):
            found += [step] if isinstance(step, bytes) else step
            await asyncio.sleep(0.3)
        assert len(found) == 3

    played(events(1, 2, 3, pause=0.02), use=use, timeouts=Timeouts(idle=0.1))


def test_a_stream_without_end_is_ended_by_the_total_time() -> None:
    answer = endless(EVENTS_HEAD, chunk(event(A)), pause=0.02)
    found, error = played(answer, use=pieces_until_failure, timeouts=Timeouts(total=0.3))
    assert found[0] == A
    assert isinstance(error, UpstreamTimeout)


def test_the_total_time_holds_for_a_reader_who_pauses() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        answer = replicas.stream("/x", b"{}")
        assert (await anext(answer))[0] == A
        await upstream.all_gone()
        with pytest.raises(UpstreamTimeout):
            await anext(answer)

    played(stall(EVENTS_HEAD, chunk(event(A))), use=use, timeouts=Timeouts(total=0.3), health_path=None)


@both
def test_a_reset_before_the_answer_is_a_bad_gateway(ask: Any) -> None:
    error = failure(reset(), ask, UpstreamFailed)
    assert (error.status, error.code) == (502, "upstream_error")


@both
def test_a_reset_after_the_head_is_a_bad_gateway(ask: Any) -> None:
    failure(reset(EVENTS_HEAD), ask, UpstreamFailed)


@pytest.mark.parametrize("end", ["reset", "close"])
def test_an_answer_that_breaks_off_in_the_middle_fails_after_what_came(end: str) -> None:
    answer = pieces(EVENTS_HEAD, chunk(event(A)), then=end)
    found, error = played(answer, use=pieces_until_failure)
    assert (found, error.status) == ([A], 502)
    failure(pieces(head(content_length="9") + b"{", then=end), post, UpstreamFailed)


@both
def test_garbage_in_place_of_http_is_a_bad_gateway(ask: Any) -> None:
    for garbage in (
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x00" * 99,
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ):
        failure(pieces(garbage), ask, UpstreamFailed)


@both
def test_a_broken_chunk_is_a_bad_gateway(ask: Any) -> None:
    failure(pieces(EVENTS_HEAD + b"zz\r\n"), ask, UpstreamFailed)


@both
def test_a_content_length_that_is_no_number_is_a_bad_gateway(ask: Any) -> None:
    failure(pieces(head(content_length="-1") + b"{}"), ask, UpstreamFailed)


def test_bytes_after_the_content_length_spoil_no_later_answer() -> None:
    async def use(replicas: Replicas, _: Scripted) -> None:
        assert await post(replicas) == b"{}"
        assert await post(replicas) == b'{"b": 2}'

    too_long = pieces(head(content_length="2") + b"{}HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n!", then="keep")
    played(too_long, whole({"b": 2}), use=use, retries=2)


@both
def test_a_page_in_place_of_an_answer_is_a_bad_gateway(ask: Any) -> None:
    failure(whole(b"<html>sign in</html>", content_type="text/html"), ask, UpstreamFailed)


def test_events_in_place_of_a_whole_answer_are_a_bad_gateway() -> None:
    failure(events({"a": 1}), post, UpstreamFailed)


@pytest.mark.parametrize("body", [b"", b": ping\n\n", b"no events\n\n"])
def test_a_stream_without_an_event_is_a_bad_gateway(body: bytes) -> None:
    failure(whole(body, content_type="text/event-stream"), stream, UpstreamFailed)


def test_an_answer_that_is_too_large_is_a_bad_gateway() -> None:
    failure(whole(b" " * 1001), post, UpstreamFailed, max_answer=1000)
    failure(whole(b" " * 1001), stream, UpstreamFailed, max_answer=1000)
    failure(endless(head(), b" " * 65536), post, UpstreamFailed, max_answer=1 << 20)


def test_an_event_that_is_too_large_is_a_bad_gateway() -> None:
    failure(events("x" * 1001), stream, UpstreamFailed, max_event=1000)
    failure(endless(EVENTS_HEAD + chunk(b"data: "), chunk(b"x" * 65536)), stream, UpstreamFailed, max_event=1 << 20)


@both
def test_what_is_small_when_compressed_and_huge_when_not_is_a_bad_gateway(ask: Any) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    answer = whole(bomb, content_type="application/json", Content_Encoding="gzip")
    failure(answer, ask, UpstreamFailed, max_answer=1 << 20)


@both
def test_broken_compression_is_a_bad_gateway(ask: Any) -> None:
    failure(whole(b"no gzip at all", Content_Encoding="gzip"), ask, UpstreamFailed)


@both
def test_a_redirect_is_not_followed(ask: Any) -> None:
    async def run() -> None:
        async with Scripted(whole({})) as elsewhere:
            answer = whole({}, status=307, Location=elsewhere.base_url)
            with pytest.raises(UpstreamFailed):
                await asyncio.to_thread(played, answer, use=ask)
            assert elsewhere.connections == 0

    asyncio.run(run())


@both
def test_an_upstream_that_is_not_there_is_unavailable(ask: Any) -> None:
    async def run() -> None:
        async with Scripted() as gone:
            url = gone.base_url
        async with started(url) as replicas:
            with pytest.raises(EngineUnavailable) as caught:
                await ask(replicas)
            assert caught.value.status == 503
            assert int(caught.value.headers["retry-after"]) >= 1

    asyncio.run(run())


def test_a_host_without_address_is_unavailable(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "parley"), pytest.raises(EngineUnavailable):
        asyncio.run(_post_to("http://nowhere.invalid/v1"))
    assert "its name has no address" in caplog.text
    assert "nowhere" not in caplog.text


def test_a_server_without_tls_is_unavailable_by_https(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(head(400))
            writer.close()

        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        await _post_to(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")

    with caplog.at_level(logging.WARNING, "parley"), pytest.raises(EngineUnavailable):
        asyncio.run(run())
    assert "no TLS connection" in caplog.text


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_key_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "both.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run(
        [*command, "-keyout", str(file), "-out", str(tmp_path / "cert.pem")], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", file)
    seen: list[bytes] = []

    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await reader.read(1))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        await _post_to(f"https://localhost:{server.sockets[0].getsockname()[1]}/v1")

    with pytest.raises(EngineUnavailable):
        asyncio.run(run())
    assert not any(seen)


async def _post_to(url: str) -> None:
    async with started(url, health_path=None) as replicas:
        await post(replicas)


def test_a_failure_is_one_line_in_the_log_without_address_and_key(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "parley"):
        failure(pieces(EVENTS_HEAD, chunk(event(A)), then="reset"), stream, UpstreamFailed)
    assert [record.getMessage() for record in caplog.records if record.name == "parley"] == [
        "upstream of m, replica 1 of 1: answer broken off in the middle"
    ]
