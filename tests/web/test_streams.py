"""Streams are exactly what clients of this API expect, end honestly, and hold nothing when their client goes."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..holding import WORDS, Holding, holding, relaying
from ..live import Server, serve
from ..patience import PATIENCE, wait_until

pytestmark = pytest.mark.live

CHAT = "/v1/chat/completions"


def body(text: Any = "one two three", **fields: Any) -> dict[str, Any]:
    return {"model": "parley-echo", "stream": True, "messages": [{"role": "user", "content": text}], **fields}


def events(text: str) -> list[str]:
    """The data of each event; comments are left out."""
    blocks = text.split("\n\n")
    assert blocks.pop() == ""
    assert all(re.fullmatch(r"data: [^\n]+|: ping", block) for block in blocks)
    return [block.removeprefix("data: ") for block in blocks if block.startswith("data: ")]


def chunks(server: Server, **fields: Any) -> list[dict[str, Any]]:
    answer = server.request("POST", CHAT, body=body(**fields), headers=server.bearer)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *data, last = events(answer.body.decode())
    assert last == "[DONE]"
    return [json.loads(text) for text in data]


@contextlib.contextmanager
def opened(server: Server, **fields: Any) -> Iterator[http.client.HTTPResponse]:
    """A stream whose head has come and whose body is still coming."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        headers = {**server.bearer, "content-type": "application/json"}
        connection.request("POST", CHAT, json.dumps(body(**fields)), headers)
        yield connection.getresponse()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Holding]]:
    with holding() as upstream:
        entries = (upstream.entry("held"), upstream.entry("silent", silent=True))
        env = {**relaying(tmp_path_factory.mktemp("held"), *entries), "PARLEY_PING_INTERVAL": "0.1"}
        with serve("echo", env) as server:
            yield server, upstream


@pytest.fixture
def held_back(held: tuple[Server, Holding]) -> Iterator[tuple[Server, Holding]]:
    """A server with the models ``held``, whose streams begin, and ``silent``; they end when it is said."""
    held[1].hold()
    yield held
    held[1].release()


def threads(server: Server) -> int:
    (worker,) = server.workers
    return len(list(Path(f"/proc/{worker}/task").iterdir()))


def test_a_stream_is_role_then_content_then_finish_then_done(echo_server: Server) -> None:
    found = chunks(echo_server)
    deltas = [chunk["choices"][0]["delta"] for chunk in found]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert [delta["content"] for delta in deltas[1:-1]] == ["one", " two", " three"]
    assert deltas[-1] == {}
    assert [chunk["choices"][0]["finish_reason"] for chunk in found] == [None] * 4 + ["stop"]
    assert {chunk["object"] for chunk in found} == {"chat.completion.chunk"}
    for field in ("id", "created", "model", "system_fingerprint"):
        assert len({chunk[field] for chunk in found}) == 1
    assert all("usage" not in chunk for chunk in found)


def test_usage_comes_last_and_only_when_asked_for(echo_server: Server) -> None:
    *found, last = chunks(echo_server, stream_options={"include_usage": True})
    assert all(chunk["usage"] is None for chunk in found)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 6


def test_options_of_streams_are_refused_where_they_would_have_no_effect(echo_server: Server) -> None:
    for stream in (False, None):
        for option in ("include_usage", "include_obfuscation"):
            asked = body(stream=stream, stream_options={option: True})
            answer = echo_server.request("POST", CHAT, body=asked, headers=echo_server.bearer)
            error = answer.json()["error"]
            assert (answer.status, error["param"], error["code"]) == (400, "stream_options", "invalid_value")
        nothing = body(stream=stream, stream_options={"include_usage": False})
        assert echo_server.request("POST", CHAT, body=nothing, headers=echo_server.bearer).status == 200


def test_choices_of_a_stream_interleave_each_with_its_own_role_and_finish() -> None:
    asked = body(n=3, stream_options={"include_usage": True})
    with serve("echo", {"PARLEY_ECHO_DELAY": "0.05"}) as server:
        answer = server.request("POST", CHAT, body=asked, headers=server.bearer)
    *data, last = events(answer.body.decode())
    assert last == "[DONE]"
    *found, usage = [json.loads(text) for text in data]
    indexes = [chunk["choices"][0]["index"] for chunk in found]
    assert indexes != sorted(indexes), "they come side by side"
    for index in range(3):
        own = [chunk["choices"][0] for chunk in found if chunk["choices"][0]["index"] == index]
        assert own[0]["delta"]["role"] == "assistant"
        assert "".join(choice["delta"].get("content", "") for choice in own) == "one two three"
        assert [choice["finish_reason"] for choice in own] == [None] * 4 + ["stop"]
    assert usage["usage"]["completion_tokens"] == 9


def test_obfuscation_makes_chunks_of_one_size(echo_server: Server) -> None:
    found = chunks(echo_server, text="a somewhat longer words x", stream_options={"include_obfuscation": True})
    sizes = {len(json.dumps(chunk["choices"][0])) + len(chunk["obfuscation"]) for chunk in found}
    assert all(size % 64 == 0 for size in sizes)
    plain = chunks(echo_server, text="a somewhat longer words x")
    assert all("obfuscation" not in chunk for chunk in plain)


def test_a_stream_says_the_same_as_a_whole_answer(echo_server: Server) -> None:
    fields: dict[str, Any] = {"stop": ["three"], "max_tokens": 10}
    streamed = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(echo_server, **fields))
    whole = echo_server.request("POST", CHAT, body=body(stream=False, **fields), headers=echo_server.bearer).json()
    assert streamed.strip() == whole["choices"][0]["message"]["content"].strip() == "one two"


def test_what_fails_before_the_first_event_is_an_http_error(echo_server: Server) -> None:
    mistakes: list[tuple[dict[str, Any], int]] = [
        ({"model": "other"}, 404),
        ({"store": True}, 400),
        ({"messages": []}, 400),
    ]
    for fields, status in mistakes:
        answer = echo_server.request("POST", CHAT, body=body(**fields), headers=echo_server.bearer)
        assert answer.status == status
        assert answer.headers["content-type"] == "application/json"


def test_an_idle_stream_pings_also_before_its_first_event(held_back: tuple[Server, Holding]) -> None:
    server, upstream = held_back
    for model in ("silent", "held"):
        upstream.hold()
        with opened(server, model=model) as response:
            before = read_until(response, b": ping")
            assert (b"data: " in before) is (model == "held"), "it is idle after its first events"
            upstream.release()
            assert response.read().endswith(b"data: [DONE]\n\n")


def test_an_idle_stream_does_not_ping_between_quick_events(echo_server: Server) -> None:
    answer = echo_server.request("POST", CHAT, body=body(), headers=echo_server.bearer)
    assert b": ping" not in answer.body


def read_until(response: http.client.HTTPResponse, text: bytes) -> bytes:
    """What comes of a stream up to a line with a text in it."""
    found = line = b""
    while text not in line:
        line = response.readline()
        assert line, found
        found += line
    return found


def test_events_come_one_by_one(held_back: tuple[Server, Holding]) -> None:
    server, upstream = held_back
    with opened(server, model="held") as response:
        begin = read_until(response, b'"content":"word"')
        upstream.release()
        assert b"[DONE]" not in begin
        assert response.read().endswith(b"data: [DONE]\n\n")


def test_many_streams_run_at_once_without_a_thread_for_each(held_back: tuple[Server, Holding]) -> None:
    server, upstream = held_back
    before = threads(server)
    with contextlib.ExitStack() as stack:
        responses = [stack.enter_context(opened(server, model="held")) for _ in range(60)]
        for response in responses:
            assert response.readline().startswith(b"data: ")
        assert threads(server) <= before + 2
        upstream.release()
        found = [response.read() for response in responses]
    assert all(text.count(b"word") == WORDS and text.endswith(b"data: [DONE]\n\n") for text in found)


def test_dropped_streams_leave_a_server_that_answers_and_holds_nothing(held_back: tuple[Server, Holding]) -> None:
    server, upstream = held_back
    before, probing = threads(server), upstream.open
    for _ in range(30):
        with opened(server, model="held") as response:
            assert response.readline().startswith(b"data: ")
    assert server.request("GET", "/v1/models", headers=server.bearer).status == 200
    wait_until(lambda: upstream.open <= probing, "the upstream is still asked")
    assert threads(server) <= before + 2


def test_a_dropped_stream_ends_before_it_would_have_ended(held_back: tuple[Server, Holding]) -> None:
    server, _ = held_back
    with opened(server, model="held") as response:
        request_id = response.headers["x-request-id"]
        response.readline()
    assert "error=client_gone" in server.log_line(f"id={request_id}")


def test_a_client_that_leaves_while_it_waits_for_a_whole_answer_ends_the_work(
    held_back: tuple[Server, Holding],
) -> None:
    server, upstream = held_back
    asked = len(upstream.upstream.received)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {**server.bearer, "content-type": "application/json", "x-request-id": "leaver-1"}
    connection.request("POST", CHAT, json.dumps(body(model="held", stream=False)), headers)
    upstream.wait_for(asked + 1)
    connection.close()
    assert "status=499" in server.log_line("id=leaver-1")


def test_a_client_that_stops_reading_is_given_up() -> None:
    with serve("echo", {"PARLEY_WRITE_TIMEOUT": "0.3"}) as server, socket.socket() as connection:
        # Small buffers, so that the server soon has to wait.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", server.port))
        content = json.dumps(body("word " * 200_000))
        connection.sendall(
            f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {server.key}\r\nx-request-id: sleeper-1\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n{content}".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert server.log_line("id=sleeper-1")
        assert server.request("GET", "/livez").status == 200
