"""The configuration of nginx, tried where nginx is installed: streams pass at once, and failures have our shape."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..holding import Holding, holding, relaying
from ..live import ROOT, Server, free_port, serve
from ..patience import PATIENCE, wait_until

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Holding]]:
    """A server whose answers are held back, and what lets them go."""
    with holding() as upstream:
        env = relaying(tmp_path_factory.mktemp("held"), upstream.entry("held"))
        with serve("echo", env) as server:
            yield server, upstream


@contextlib.contextmanager
def proxied(port: int, folder: Path) -> Iterator[int]:
    """nginx in front of a port, with our configuration but for the addresses; its own port."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    listening = free_port()
    for written, here in (
        ("server parley:8080 resolve;", f"server 127.0.0.1:{port};"),  # of nginx 1.27.3 and later, for containers
        ("listen 8080 ", f"listen 127.0.0.1:{listening} "),
        ("/tmp/", f"{folder}/"),
        ("/dev/stdout", f"{folder}/access.log"),
        ("/dev/stderr", f"{folder}/error.log"),
    ):
        assert written in text
        text = text.replace(written, here)
    (folder / "nginx.conf").write_text(text)
    at = (str(folder), str(folder / "nginx.conf"), str(folder / "error.log"))
    command = ["nginx", "-p", at[0], "-c", at[1], "-e", at[2], "-g", "daemon off;"]
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: listens(process, listening, folder), "nginx does not listen")
        yield listening
    finally:
        process.terminate()
        process.wait(PATIENCE)


def listens(process: subprocess.Popen[bytes], port: int, folder: Path) -> bool:
    assert process.poll() is None, (folder / "error.log").read_text()
    with contextlib.suppress(OSError):
        ask(port, "GET", "/livez")
        return True
    return False


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def chat(server: Server, **fields: object) -> tuple[bytes, dict[str, str]]:
    message = {"role": "user", "content": "Hello"}
    body = json.dumps({"model": "held", "messages": [message], **fields}).encode()
    return body, {**server.bearer, "content-type": "application/json"}


def test_events_pass_when_they_come_and_not_all_at_the_end(held: tuple[Server, Holding], tmp_path: Path) -> None:
    server, upstream = held
    upstream.hold()
    body, headers = chat(server, stream=True)
    with proxied(server.port, tmp_path) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/chat/completions", body, headers)
            response = connection.getresponse()
            # The rest is not even there yet.
            assert response.readline().startswith(b"data: ")
            upstream.release()
            assert response.read().endswith(b"data: [DONE]\n\n")


def test_one_id_is_in_the_answer_and_in_both_logs(held: tuple[Server, Holding], tmp_path: Path) -> None:
    server, _ = held
    with proxied(server.port, tmp_path) as port:
        _, given, _ = ask(port, "GET", "/v1/models", headers=server.bearer)
        _, kept, _ = ask(port, "GET", "/v1/models", headers={**server.bearer, "x-request-id": "mine-1"})
    ids = [given.get_all("x-request-id"), kept.get_all("x-request-id")]
    assert ids[1] == ["mine-1"]
    assert ids[0] is not None
    assert len(ids[0]) == 1
    logged = [json.loads(line)["id"] for line in (tmp_path / "access.log").read_text().splitlines()]
    for identity in (ids[0][0], "mine-1"):
        assert identity in logged
        assert server.log_line(f"id={identity}")


def test_what_the_server_refuses_comes_through_as_it_is(held: tuple[Server, Holding], tmp_path: Path) -> None:
    server, _ = held
    with proxied(server.port, tmp_path) as port:
        status, _, body = ask(port, "POST", "/v1/chat/completions", *chat(server, temperature=9))
        assert (status, json.loads(body)["error"]["param"]) == (400, "temperature")
        status, _, body = ask(port, "GET", "/nowhere", headers=server.bearer)
        assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")
        # nginx has no limit of its own, and does not wait for the body before it asks.
        _, headers = chat(server)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/chat/completions", b"{", {**headers, "content-length": str(21 << 20)})
            response = connection.getresponse()
            assert (response.status, json.loads(response.read())["error"]["code"]) == (413, "request_too_large")


def test_a_client_that_goes_ends_the_request_behind_the_proxy(held: tuple[Server, Holding], tmp_path: Path) -> None:
    server, upstream = held
    upstream.hold()
    body, headers = chat(server, stream=True)
    headers["x-request-id"] = "went-away"
    with proxied(server.port, tmp_path) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("POST", "/v1/chat/completions", body, headers)
        connection.getresponse().readline()
        connection.close()
        # The answer would go on until it is let go.
        assert "error=client_gone" in server.log_line("went-away")


def test_without_a_server_behind_it_failures_have_the_one_shape(tmp_path: Path) -> None:
    with proxied(free_port(), tmp_path) as port:
        status, headers, body = ask(port, "GET", "/v1/models")
        assert status == 503
        assert headers["retry-after"] == "1"
        assert headers["content-type"] == "application/json"
        error = json.loads(body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["code"] == "engine_unavailable"
        status, _, body = ask(port, "GET", "/v1/models", headers={"x-long": "x" * 70_000})
        assert (status, json.loads(body)["error"]["code"]) == (400, "invalid_http")
