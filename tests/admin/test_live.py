"""The operators' API on real servers with two workers: beside what clients are served, and apart from it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.admin.keys import create_key, revoke_key
from app.settings import Settings
from app.store.address import address_of
from app.store.migrating import upgrade

from ..live import KEY, Answer, Server, StartError, free_port, serve
from ..patience import wait_until

pytestmark = [pytest.mark.live, pytest.mark.long]

CHAT = {"model": "parley-echo", "messages": [{"role": "user", "content": "hello"}]}
# Answers that show that all workers know a change: requests are spread over two of them.
SEVERAL = 12


@dataclass
class Pair:
    """A server and the address of its operators. ``operators`` asks there, ``key`` opens it."""

    server: Server
    operators: Server
    key: str
    keys: Path

    def admin(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        """Ask the operators' API."""
        headers = {"authorization": f"Bearer {self.key if key is None else key}"}
        return self.operators.request(method, f"/admin/v1{path}", body=body, headers=headers)

    def chat(self, key: str) -> Answer:
        """Ask as a client."""
        headers = {"authorization": f"Bearer {key}"}
        return self.server.request("POST", "/v1/chat/completions", body=CHAT, headers=headers)

    def all_answer(self, key: str, status: int) -> bool:
        """Whether all workers answer a client so."""
        return all(self.chat(key).status == status for _ in range(SEVERAL))


@contextlib.contextmanager
def both(folder: Path, database: str, *args: str, **env: str | None) -> Iterator[Pair]:
    """A server with two workers and an operators' API; ``args`` are gunicorn's."""
    upgrade(address_of(Settings(database=database)))
    port, keys = free_port(), folder / "operators"
    key = create_key(keys, "olivia")
    own = {
        "PARLEY_DATABASE": database,
        "PARLEY_ADMIN_BIND": f"127.0.0.1:{port}",
        "PARLEY_ADMIN_KEYS_FILE": str(keys),
        "PARLEY_KEY_CACHE": "0.2",
    }
    with serve("echo", {**own, **env}, args=["-w", "2", *args]) as server:
        yield Pair(server, Server(server.process, port, key, server._log_file), key, keys)


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/test.sqlite3"


def test_a_key_of_the_operators_api_opens_the_clients_until_it_is_revoked(tmp_path: Path, database_url: str) -> None:
    with both(tmp_path, database_url) as pair:
        made = pair.admin("POST", "/keys", {"name": "alice", "project": "research"})
        assert made.status == 200, made.body
        first = made.json()["secret"]
        for _ in range(SEVERAL):
            assert pair.chat(first).status == 200
        second = pair.admin("POST", "/keys/alice/rotate", {"grace": 0}).json()["secret"]
        assert pair.chat(second).status == 200
        wait_until(partial(pair.all_answer, first, 401))
        assert pair.admin("PATCH", "/keys/alice", {"models": ["another"]}).status == 200
        wait_until(partial(pair.all_answer, second, 403))
        assert pair.admin("POST", "/keys/alice/revoke").json()["status"] == "revoked"
        wait_until(partial(pair.all_answer, second, 401))
        actions = [each["action"] for each in pair.admin("GET", "/audit").json()["data"]]
        assert actions == ["keys.revoke", "keys.change", "keys.rotate", "keys.create", "projects.create"]
        assert pair.admin("GET", "/usage?by=key").status == 200
        log = pair.server.log()
    assert "key=olivia" in log
    for secret in (first, second, pair.key):
        assert secret not in log


def test_limits_of_the_operators_api_hold_and_usage_is_told(tmp_path: Path, database_url: str) -> None:
    with both(tmp_path, database_url) as pair:
        secret = pair.admin("POST", "/keys", {"name": "alice"}).json()["secret"]
        assert pair.chat(secret).status == 200
        (record,) = pair.admin("GET", "/usage/records?key=alice").json()["data"]
        assert (record["status"], record["model"], record["project"]) == (200, "parley-echo", "default")
        sums = pair.admin("GET", "/usage?by=key&key=alice").json()
        assert [(each["group"], each["requests"]) for each in sums["data"]] == [("alice", 1)]
        assert sums["total"]["prompt_tokens"] == record["prompt_tokens"] > 0
        for path, key in (("/limits/key/alice", secret), ("/limits/model/parley-echo", KEY)):
            assert pair.admin("PUT", path, {"requests_per_minute": 0}).status == 200
            wait_until(partial(pair.all_answer, key, 429))
            assert pair.admin("DELETE", path).json()["cleared"]
            wait_until(partial(pair.all_answer, key, 200))


def _raw(port: int, head: str) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(head.encode() + b"\r\nconnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    return int(answer[9:12]), answer


def test_no_address_answers_for_the_other_whatever_a_client_sends(tmp_path: Path, sqlite: str) -> None:
    with both(tmp_path, sqlite) as pair:
        clients, operators = pair.server.port, pair.operators.port
        for asked, other, path, key in (
            (clients, operators, "/admin/v1/keys", pair.key),
            (operators, clients, "/v1/models", KEY),
        ):
            bearer = f"authorization: Bearer {key}"
            for target in (path, f"http://127.0.0.1:{other}{path}", f"//127.0.0.1:{other}{path}", f"/..{path}"):
                for host in (f"127.0.0.1:{other}", f"127.0.0.1:{asked}", "localhost", "admin"):
                    for more in (
                        "accept: */*",
                        f"x-forwarded-host: 127.0.0.1:{other}",
                        f"x-forwarded-port: {other}",
                        f"forwarded: host=127.0.0.1:{other}",
                        f"x-original-url: {path}",
                        f"parley.listener: 127.0.0.1:{other}",
                        "script_name: /admin",
                    ):
                        status, answer = _raw(asked, f"GET {target} HTTP/1.1\r\nhost: {host}\r\n{bearer}\r\n{more}")
                        assert status == 404, (target, host, more, answer)
            assert _raw(other, f"GET {path} HTTP/1.1\r\nhost: x\r\n{bearer}")[0] == 200


def test_keys_open_their_own_address_alone(tmp_path: Path, sqlite: str) -> None:
    with both(tmp_path, sqlite) as pair:
        secret = pair.admin("POST", "/keys", {"name": "alice"}).json()["secret"]
        for key in (KEY, secret, "x"):
            answer = pair.admin("GET", "/keys", key=key)
            assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert pair.operators.request("GET", "/admin/v1/keys").status == 401
        for _ in range(SEVERAL):
            assert pair.chat(pair.key).status == 401
        for path in ("/admin/v1/openapi.json", "/admin/v1/ui/", "/livez", "/healthz"):
            assert pair.operators.request("GET", path).status == 200
        assert pair.operators.request("GET", "/v1/openapi.json").status == 404
        assert pair.server.request("GET", "/admin/v1/openapi.json").status == 404


def _document(folder: Path, title: str) -> Path:
    """Another author's document, which has a path that the operators' has too, without a key."""
    schema = {"type": "object", "required": ["theirs"], "properties": {"theirs": {"enum": [title]}}}
    content = {"application/json": {"schema": schema}}
    operation = {"responses": {"200": {"description": "x", "content": content}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": {
            "/admin/v1/keys": {"get": {"operationId": "listKeys", **operation}},
            "/healthz": {"get": {"operationId": "health", **operation}},
        },
    }
    path = folder / "theirs.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("more", [{}, {"PARLEY_RELOAD": "1"}], ids=["once", "reloading"])
def test_another_document_for_clients_changes_nothing_for_operators(
    tmp_path: Path, sqlite: str, more: dict[str, str]
) -> None:
    document = _document(tmp_path, "one")
    with both(tmp_path, sqlite, PARLEY_SPEC=str(document), PARLEY_MOCK="all", **more) as pair:
        for _ in range(SEVERAL):
            assert pair.server.request("GET", "/admin/v1/keys").json() == {"theirs": "one"}
            assert pair.server.request("GET", "/healthz").json() == {"theirs": "one"}
            assert pair.operators.request("GET", "/healthz").json() == {"status": "ok"}
            assert pair.operators.request("GET", "/admin/v1/keys").status == 401
            assert pair.admin("GET", "/keys").json()["object"] == "list"
        if more:
            _document(tmp_path, "two")
            wait_until(
                lambda: all(
                    pair.server.request("GET", "/admin/v1/keys").json() == {"theirs": "two"} for _ in range(SEVERAL)
                )
            )
            assert pair.admin("GET", "/keys").json()["object"] == "list"


def test_operators_keys_are_read_again_without_a_restart(tmp_path: Path, sqlite: str) -> None:
    with both(tmp_path, sqlite) as pair:
        revoke_key(pair.keys, "olivia")
        for _ in range(SEVERAL):
            assert pair.admin("GET", "/keys").status == 401
        assert pair.server.log_line("No key opens the operators' API").endswith("`parley admin keys create NAME`.")
        key = create_key(pair.keys, "oscar")
        for _ in range(SEVERAL):
            assert pair.admin("GET", "/keys", key=key).status == 200


def test_a_reload_keeps_both_addresses(tmp_path: Path, sqlite: str) -> None:
    with both(tmp_path, sqlite) as pair:
        before = set(pair.server.workers)
        os.kill(pair.server.pid, signal.SIGHUP)
        wait_until(lambda: len(after := set(pair.server.workers)) == 2 and not after & before)
        for _ in range(SEVERAL):
            assert pair.admin("GET", "/keys").status == 200
            assert pair.chat(KEY).status == 200


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def test_operators_may_be_served_on_a_unix_socket(tmp_path: Path, sqlite: str) -> None:
    path = tmp_path / "a.sock"
    with both(tmp_path, sqlite, PARLEY_ADMIN_BIND=f"unix:{path}") as pair:
        assert stat.S_ISSOCK(path.stat().st_mode)
        for _ in range(SEVERAL):
            with contextlib.closing(_OverSocket(path)) as connection:
                connection.request("GET", "/admin/v1/keys", headers={"authorization": f"Bearer {pair.key}"})
                assert connection.getresponse().status == 200
            with contextlib.closing(_OverSocket(path)) as connection:
                connection.request("GET", "/v1/models", headers=pair.server.bearer)
                assert connection.getresponse().status == 404
        assert pair.chat(KEY).status == 200
        assert (
            pair.server.request("GET", "/admin/v1/keys", headers={"authorization": f"Bearer {pair.key}"}).status == 404
        )


@pytest.mark.parametrize(
    ("env", "args", "said"),
    [
        ({"PARLEY_DATABASE": None}, [], "there is no database, which the operators' API needs. Create it with"),
        ({"PARLEY_ADMIN_BIND": "0.0.0.0:{port}", "PARLEY_ADMIN_KEYS_FILE": "{folder}/none"}, [], "parley admin keys"),
        ({"PARLEY_ADMIN_BIND": "here"}, [], "PARLEY_ADMIN_BIND must be an IP address with a port"),
        ({}, ["-k", "asgi"], "gunicorn's worker class cannot serve the operators' API"),
        ({}, ["-b", "127.0.0.1:{port}"], "PARLEY_ADMIN_BIND is not among them. Add: -b 127.0.0.1:"),
    ],
)
def test_a_start_that_cannot_serve_operators_ends_with_a_sentence(
    tmp_path: Path, sqlite: str, env: dict[str, str | None], args: list[str], said: str
) -> None:
    values = {"port": free_port(), "folder": tmp_path}
    create_key(tmp_path / "keys", "olivia")
    own = {
        "PARLEY_DATABASE": sqlite,
        "PARLEY_ADMIN_BIND": f"127.0.0.1:{free_port()}",
        "PARLEY_ADMIN_KEYS_FILE": str(tmp_path / "keys"),
        **{name: value and value.format(**values) for name, value in env.items()},
    }
    with pytest.raises(StartError) as caught, serve("echo", own, [arg.format(**values) for arg in args]):
        pass
    assert caught.value.status == 1
    (line,) = re.findall(r"^parley: .*$", caught.value.log, re.MULTILINE)
    assert said in line


def test_gunicorns_own_options_may_name_both_addresses(tmp_path: Path, sqlite: str) -> None:
    clients, operators = free_port(), f"127.0.0.1:{free_port()}"
    options = ["-b", operators, "-b", f"127.0.0.1:{clients}"]
    with both(tmp_path, sqlite, *options, PARLEY_ADMIN_BIND=operators, PARLEY_PORT=str(clients)) as pair:
        assert f"  Operators   http://{operators}/admin/v1/ui/\n" in pair.server.log()
        assert f"Parley serves parley-echo at http://127.0.0.1:{clients}/v1\n" in pair.server.log()
        assert pair.chat(KEY).status == 200
        assert pair.server.request("GET", "/admin/v1/openapi.json").status == 404


def test_operators_may_be_served_on_ipv6(tmp_path: Path, sqlite: str) -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
            port = probe.getsockname()[1]
    except OSError as error:
        pytest.skip(f"there is no IPv6 here: {error.strerror}")
    with both(tmp_path, sqlite, PARLEY_ADMIN_BIND=f"[::1]:{port}"):
        for path, status in (("/admin/v1/openapi.json", 200), ("/v1/openapi.json", 404)):
            with contextlib.closing(http.client.HTTPConnection("::1", port, timeout=60)) as connection:
                connection.request("GET", path)
                assert connection.getresponse().status == status
