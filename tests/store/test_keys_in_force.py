"""Keys that are made, rotated and revoked while servers run, by the command and in all workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AuthenticationError, OpenAI, PermissionDeniedError

from app.settings import Settings
from app.store.address import address_of
from app.store.migrating import upgrade
from tests.live import ROOT, Answer, Server, serve
from tests.patience import wait_until

from .servers import PostgreSQL

pytestmark = [pytest.mark.live, pytest.mark.long]

TWO = ["--workers", "2"]


def parley(env: dict[str, str], *arguments: str) -> str:
    """Run the command, and return what it prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    command = [sys.executable, "-m", "parley", *arguments]
    run = subprocess.run(command, cwd=ROOT, env={**environ, **env}, capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.fixture(params=["sqlite", "postgresql"])
def env(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The settings of a server with a database of each kind in turn, which remembers a key for a second."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'parley.sqlite3'}"
    else:
        url = request.getfixturevalue("postgresql_server").database()
        upgrade(address_of(Settings(database=url)))
    return {"PARLEY_DATABASE": url, "PARLEY_KEY_CACHE": "1", "PARLEY_STATE_DIR": str(tmp_path)}


@pytest.fixture
def server(env: dict[str, str]) -> Iterator[Server]:
    with serve("echo", env, TWO) as found:
        yield found


def ask(server: Server, key: str) -> Answer:
    return server.request("GET", "/v1/models", headers={"authorization": f"Bearer {key}"})


def statuses(server: Server, key: str) -> set[int]:
    """What a key gets from all workers; they take turns."""
    return {ask(server, key).status for _ in range(12)}


def test_a_key_opens_all_workers_until_it_is_revoked(server: Server, env: dict[str, str]) -> None:
    key = parley(env, "keys", "create", "anna")
    assert statuses(server, key) == {200}
    assert statuses(server, key[:-1]) == {401}
    parley(env, "keys", "revoke", "anna")
    begun = time.monotonic()
    wait_until(lambda: statuses(server, key) == {401})
    assert time.monotonic() - begun < 30  # and not at the next start
    assert ask(server, key).json()["error"]["code"] == "invalid_api_key"
    assert statuses(server, server.key) == {200}
    assert "key=anna" in server.log()
    assert key not in server.log()


def test_a_rotated_key_has_two_secrets_for_the_time_of_grace(server: Server, env: dict[str, str]) -> None:
    old = parley(env, "keys", "create", "anna")
    assert statuses(server, old) == {200}
    new = parley(env, "keys", "rotate", "anna", "--grace", "1h")
    assert statuses(server, old) == statuses(server, new) == {200}
    last = parley(env, "keys", "rotate", "anna")
    wait_until(lambda: statuses(server, old) | statuses(server, new) == {401})
    assert statuses(server, last) == {200}


def test_while_the_database_is_away_the_keys_of_the_settings_and_those_used_lately_go_on(
    postgresql_server: PostgreSQL, tmp_path: Path
) -> None:
    url = postgresql_server.database()
    upgrade(address_of(Settings(database=url)))
    env = {"PARLEY_DATABASE": url, "PARLEY_KEY_CACHE": "1", "PARLEY_STATE_DIR": str(tmp_path)}
    with serve("echo", env, ["--workers", "1"]) as server:
        key = parley(env, "keys", "create", "anna")
        assert ask(server, key).status == 200
        stopped = (postgresql_server.pid, *postgresql_server.backends())
        for pid in stopped:
            postgresql_server.signal(pid, signal.SIGSTOP)
        try:
            assert [ask(server, key).status for _ in range(5)] == [200] * 5
            assert ask(server, server.key).status == 200
            unknown = ask(server, "sk-parley-unknown")
            assert unknown.status == 503
            assert unknown.json()["error"]["code"] == "store_unavailable"
            assert unknown.headers["retry-after"]
        finally:
            for pid in stopped:
                postgresql_server.signal(pid, signal.SIGCONT)
        wait_until(lambda: ask(server, "sk-parley-unknown").status == 401)
        assert ask(server, key).status == 200


def test_a_key_expires(server: Server, env: dict[str, str]) -> None:
    key = parley(env, "keys", "create", "anna", "--expires", "5s")
    wait_until(lambda: statuses(server, key) == {401})
    assert '"expired"' in parley(env, "keys", "show", "anna", "--format", "json")


def test_the_sdk_tells_a_wrong_key_from_a_model_that_a_key_may_not_use(server: Server, env: dict[str, str]) -> None:
    key = parley(env, "keys", "create", "anna", "--model", "another")
    request: Any = {"model": "parley-echo", "messages": [{"role": "user", "content": "Hello"}]}
    with pytest.raises(PermissionDeniedError) as caught:
        OpenAI(base_url=server.base, api_key=key).chat.completions.create(**request)
    assert caught.value.code == "model_not_allowed"
    assert OpenAI(base_url=server.base, api_key=key).models.list().data == []
    with pytest.raises(AuthenticationError):
        OpenAI(base_url=server.base, api_key=key + "x").chat.completions.create(**request)


def test_a_running_server_takes_up_a_database_that_a_first_key_makes(tmp_path: Path) -> None:
    env = {"PARLEY_STATE_DIR": str(tmp_path), "PARLEY_KEY_CACHE": "1"}
    with serve("echo", {**env, "PARLEY_API_KEYS": None}, TWO) as server:
        assert statuses(server, server.key) == {200}
        before = server.workers
        key = parley(env, "keys", "create", "anna")
        wait_until(lambda: not set(before) & set(server.workers) and len(server.workers) == 2)
        wait_until(lambda: statuses(server, key) == {200})
        # The key that the server had made for itself is no longer needed.
        assert statuses(server, server.key) == {401}
        assert server.log().count("there is a database now") == 1
        assert key not in server.log()


def test_a_file_of_keys_that_is_replaced_is_in_force_in_all_workers(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("sk-old\n")
    with serve("echo", {"PARLEY_API_KEYS": None, "PARLEY_API_KEYS_FILE": str(file)}, TWO) as server:
        assert statuses(server, "sk-old") == {200}
        wait_until(lambda: len(server.workers) == 2)
        before = server.workers
        (tmp_path / "new").write_text("sk-new\n")
        os.replace(tmp_path / "new", file)
        wait_until(lambda: statuses(server, "sk-old") == {401} and statuses(server, "sk-new") == {200})
        assert server.workers == before
