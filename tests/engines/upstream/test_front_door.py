"""A whole server in front of an upstream that misbehaves, or that somebody would like to see replaced by another."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.live import Answer as Response
from tests.live import Server, serve
from tests.patience import PATIENCE, wait_until

from .. import chunks
from .scripted import (
    EVENTS_HEAD,
    Answer,
    Connection,
    Scripted,
    chunk,
    event,
    events,
    head,
    pieces,
    reset,
    serving,
    stall,
    whole,
)

pytestmark = pytest.mark.live

CHAT = "/v1/chat/completions"
SECRET = "sk-upstream-0123456789"
BEGUN = EVENTS_HEAD + chunk(event(chunks.chunk(chunks.ROLE))) + chunk(event(chunks.chunk({"content": "Hi"})))
STREAM = events(
    chunks.chunk(chunks.ROLE), chunks.chunk({"content": "Hi."}), chunks.chunk({}, "stop"), chunks.last_chunk()
)
TELLING = {"error": {"message": f"{SECRET} failed", "type": "BadRequestError", "param": SECRET, "code": 400}}

# What the upstream does, and the status of a whole answer and of a stream.
MISBEHAVIOURS: dict[str, tuple[Answer, int, int]] = {
    "garbage": (pieces(b"\x00\x01\r\n\r\n"), 502, 502),
    "html": (whole(b"<html>", content_type="text/html"), 502, 502),
    "no-json": (whole(b"{no"), 502, 502),
    "no-gzip": (whole(b"no gzip", content_encoding="gzip"), 502, 502),
    "reset": (reset(), 502, 502),
    "cut-off": (pieces(head(content_length="100") + b'{"id":'), 502, 502),
    "reset-in-the-middle": (reset(BEGUN), 502, 200),
    "half-closed": (pieces(BEGUN, then="half-close"), 502, 200),
    "stalled": (stall(), 504, 504),
    "stalled-in-the-middle": (stall(BEGUN), 502, 200),
    "error-with-200": (whole(TELLING), 400, 400),
    "error-in-the-middle": (pieces(BEGUN + chunk(event(TELLING))), 502, 200),
    "refusal": (whole(TELLING, 400), 400, 400),
    "storm": (whole({}, 429), 429, 429),
    "key": (whole(TELLING, 401), 502, 502),
    "redirect": (whole(b"", 307, location="http://127.0.0.1:9/v1/chat/completions"), 502, 502),
    "no-choices": (whole({**chunks.completion(), "choices": []}), 502, 502),
    "no-contract": (whole(chunks.completion({"finish_reason": "whim"})), 502, 200),
    "tool-not-given": (
        whole(chunks.completion({"message": {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}})),
        502,
        502,
    ),
}


async def _misbehave(connection: Connection) -> None:
    await MISBEHAVIOURS[connection.request.json["model"]][0](connection)


@contextlib.contextmanager
def in_front_of(
    upstream: Scripted, folder: Path, models: Any, patience: float = 1, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server with models that the upstream has by the same names; ``patience`` is in seconds."""
    entry = {
        "engine": "upstream",
        "dialect": "openai",
        "base_urls": [upstream.base_url],
        "key_env": "UPSTREAM_KEY",
        "retries": 0,
    }
    # The one that says nothing at all is the only one whose first byte shall be missed.
    timeouts = {name: {"first_byte": patience if name == "stalled" else PATIENCE, "idle": patience} for name in models}
    file = folder / "parley.json"
    file.write_text(json.dumps({"models": {name: {**entry, "timeouts": timeouts[name]} for name in models}}))
    with serve(
        "echo", {"PARLEY_ENGINE": None, "PARLEY_CONFIG": str(file), "UPSTREAM_KEY": SECRET, **(env or {})}
    ) as server:
        yield server


def ask(server: Server, model: str = "m", headers: Any = (), path: str = CHAT, **fields: Any) -> Response:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], **fields}
    return server.request("POST", path, body=body, headers={**server.bearer, **dict(headers)})


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Scripted]]:
    with (
        serving(_misbehave) as upstream,
        in_front_of(upstream, tmp_path_factory.mktemp("config"), MISBEHAVIOURS) as server,
    ):
        yield server, upstream


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_whatever_an_upstream_does_clients_get_one_shape_of_error(front: tuple[Server, Scripted], name: str) -> None:
    server, upstream = front
    _, of_whole, of_stream = MISBEHAVIOURS[name]
    answer, stream = ask(server, name), ask(server, name, stream=True)
    assert (answer.status, stream.status) == (of_whole, of_stream)
    errors = [answer.json()["error"]]
    if of_stream == 200:
        *_, last, done, end = stream.body.split(b"\n\n")
        assert (done, end) == (b"data: [DONE]", b"")
        errors.append(json.loads(last.removeprefix(b"data: "))["error"])
    else:
        errors.append(stream.json()["error"])
    for error in errors:
        assert set(error) == {"message", "type", "param", "code"}
        assert error["code"] not in ("internal_error", "contract_violation", "invalid_api_key")
    shown = (answer.body + stream.body).decode() + str(answer.headers) + str(stream.headers) + server.log()
    assert SECRET not in shown
    assert f":{upstream.port}" not in shown
    if of_whole == 429:
        assert answer.headers["retry-after"] == stream.headers["retry-after"] == "1"


def test_nothing_that_a_client_sends_changes_where_an_upstream_is_asked(tmp_path: Path) -> None:
    async def answer(connection: Connection) -> None:
        await (STREAM if connection.request.json.get("stream") else whole(chunks.completion()))(connection)

    with serving(answer) as upstream, serving(answer) as other:
        there, host = other.base_url, f"127.0.0.1:{other.port}"
        proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY", "OPENAI_BASE_URL"), there)
        with in_front_of(upstream, tmp_path, ["m", "../other?x=y#z"], env=proxies) as server:
            asked = 0
            for stream in (False, True):
                for name in ("host", "x-forwarded-host", "forwarded", "x-original-url", "x-rewrite-url", "x-base-url"):
                    value = f"host={host}" if name == "forwarded" else host if "host" in name else there
                    assert ask(server, headers={name: value}, stream=stream).status == 200
                    asked += 1
                for path in (there.removesuffix("/v1") + CHAT, f"{CHAT}?base_url={there}"):
                    assert ask(server, path=path, stream=stream).status == 200
                    asked += 1
                assert ask(server, "../other?x=y#z", stream=stream).status == 200
                asked += 1
                for name in ("base_url", "api_base", "url", "upstream", "proxy", "extra_headers"):
                    error = ask(server, stream=stream, **{name: there}).json()["error"]
                    assert (error["code"], error["param"]) == ("unknown_parameter", name)
                assert ask(server, there, stream=stream).status == 404
            for request in upstream.received:
                assert (request.path, request.headers["host"]) == (CHAT, f"127.0.0.1:{upstream.port}")
                assert request.headers["authorization"] == f"Bearer {SECRET}"
                assert not any(there in value or host in value for value in request.headers.values())
            assert len(upstream.received) == asked
        assert not other.connections


@pytest.mark.parametrize(
    ("stream", "sent"), [(False, b""), (True, b""), (True, BEGUN)], ids=["whole", "waiting", "begun"]
)
def test_a_client_that_leaves_closes_the_connection_to_the_upstream(tmp_path: Path, stream: bool, sent: bytes) -> None:
    gone: list[bool] = []

    async def hang(connection: Connection) -> None:
        await connection.send(sent)
        await connection.until_gone()
        gone.append(True)
        connection.keep = False

    with serving(hang) as upstream, in_front_of(upstream, tmp_path, ["m"], patience=PATIENCE) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
        headers = {**server.bearer, "content-type": "application/json"}
        connection.request("POST", CHAT, json.dumps(body), headers)
        wait_until(lambda: upstream.received, "the upstream is not asked")
        if sent:
            response = connection.getresponse()
            assert response.readline().startswith(b"data: ")
            response.close()
        connection.close()
        wait_until(lambda: gone, "the upstream has been left waiting")
