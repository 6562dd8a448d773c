"""One server, many models: by names and aliases, within bounds, changed while it runs, and also from elsewhere."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command
from .holding import WORDS, holding, relaying
from .live import KEY, Answer, Server, StartError, free_port, serve
from .patience import PATIENCE, wait_until
from .test_serving import alive, model_processes, wait_until_dead

pytestmark = pytest.mark.live

CHAT = "/v1/chat/completions"

TWO = """
[models.say]
engine = "echo"
aliases = ["gpt-4o-mini"]

[models.tiny]
engine = "llama"
aliases = ["gpt-4o"]
"""


def configured(path: Path, text: str, **more: str) -> dict[str, str | None]:
    path.write_text(text)
    return {"PARLEY_ENGINE": None, "PARLEY_CONFIG": str(path), **more}


def ask(server: Server, model: str, content: str = "Hello there", **fields: Any) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": content}], **fields}
    return server.request("POST", CHAT, body=body, headers=server.bearer)


def sent(server: Server, model: str) -> http.client.HTTPConnection:
    """A connection on which a request has been sent and no answer has come."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    connection.request("POST", CHAT, body, {**server.bearer, "content-type": "application/json"})
    return connection


def ids(server: Server) -> list[str]:
    return [model["id"] for model in server.request("GET", "/v1/models", headers=server.bearer).json()["data"]]


def wait_for_models(server: Server, *wanted: str) -> None:
    """Wait until just these are served; a worker that is about to end may reset what it had accepted."""

    def served() -> bool:
        with contextlib.suppress(OSError):
            return ids(server) == list(wanted)
        return False

    wait_until(served, f"not served: {wanted}")


class Reader(threading.Thread):
    """Reads a stream to its end."""

    def __init__(self, server: Server, model: str) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.lines: list[bytes] = []
        self.status = 0
        self.retry_after: str | None = None
        self._server = server
        self._body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=PATIENCE)
        headers = {**self._server.bearer, "content-type": "application/json"}
        connection.request("POST", CHAT, json.dumps(self._body), headers)
        response = connection.getresponse()
        self.status = response.status
        self.retry_after = response.headers["retry-after"]
        while line := response.readline():
            self.lines.append(line)
            if b"word" in line:
                self.begun.set()
        connection.close()

    @property
    def words(self) -> int:
        """How many words arrived, in a stream that ended well."""
        assert self.lines[-2] == b"data: [DONE]\n"
        assert not any(b'"error"' in line for line in self.lines)
        return sum(line.count(b"word") for line in self.lines)


def test_each_model_answers_by_its_id_and_its_aliases_all_of_which_are_listed(tmp_path: Path) -> None:
    with serve("llama", configured(tmp_path / "p.toml", TWO)) as server:
        assert ids(server) == ["say", "gpt-4o-mini", "tiny", "gpt-4o"]
        for name, model in (("say", "say"), ("gpt-4o-mini", "say"), ("tiny", "tiny"), ("gpt-4o", "tiny")):
            assert ask(server, name).json()["model"] == model
            one = server.request("GET", f"/v1/models/{name}", headers=server.bearer)
            assert one.json()["id"] == name
        assert ask(server, "say").json()["choices"][0]["message"]["content"] == "Hello there"
        assert ask(server, "gpt-5").status == 404
        assert server.log_line("Parley serves say, tiny")


def test_several_model_files_run_side_by_side_each_in_a_process_of_its_own(tmp_path: Path) -> None:
    text = '[models.wide]\nengine = "llama"\n[models.narrow]\nengine = "llama"\ncontext_length = 256\nslots = 1\n'
    with serve("llama", configured(tmp_path / "p.toml", text), args=("-w", "2")) as server:
        wait_until(lambda: len(model_processes(server)) == 4, "there is no supervisor and model for each")
        wait_until(lambda: ask(server, "narrow").status == 200, "it is not loaded")
        long = "word " * 400
        assert ask(server, "wide", long, max_tokens=1).status == 200
        refused = ask(server, "narrow", long, max_tokens=1)
        assert refused.status == 400
        assert refused.json()["error"]["code"] == "context_length_exceeded"


def test_beyond_the_bounds_requests_are_refused_at_once_and_running_streams_go_on(tmp_path: Path) -> None:
    other = '[models.other]\nengine = "echo"\n'
    with holding() as upstream:
        say = upstream.entry("say", more="max_in_flight = 4\nmax_waiting = 4")
        with serve("echo", relaying(tmp_path, say, other)) as server:
            first = [Reader(server, "say") for _ in range(4)]
            for reader in first:
                reader.start()
            assert all(reader.begun.wait(PATIENCE) for reader in first)
            rest = [Reader(server, "say") for _ in range(46)]
            for reader in rest:
                reader.start()
            wait_until(lambda: sum(not reader.is_alive() for reader in rest) == 42, "they are not refused")
            assert ask(server, "other").status == 200, "another model is not concerned"
            upstream.release()
            for reader in [*first, *rest]:
                reader.join(PATIENCE)
            assert [reader.words for reader in first] == [WORDS] * 4
            served = [reader for reader in rest if reader.status == 200]
            assert [reader.words for reader in served] == [WORDS] * 4
            refused = [reader for reader in rest if reader.status != 200]
            assert {reader.status for reader in refused} == {503}
            assert len(refused) == 42
            for reader in refused:
                assert json.loads(b"".join(reader.lines))["error"]["code"] == "overloaded"
                assert 1 <= int(reader.retry_after or 0) <= 60
            assert server.log_line("error=overloaded")


def test_a_client_that_leaves_the_queue_makes_room_in_it(tmp_path: Path) -> None:
    with holding() as upstream:
        say = upstream.entry("say", more="max_in_flight = 1\nmax_waiting = 1")
        with serve("echo", relaying(tmp_path, say)) as server:
            running = Reader(server, "say")
            running.start()
            assert running.begun.wait(PATIENCE)
            leaver = sent(server, "say")
            assert ask(server, "say").status == 503, "the queue is full"
            leaver.close()
            assert server.log_line("error=client_gone")
            waiting = sent(server, "say")
            assert ask(server, "say").status == 503, "it waits in the place that was given back"
            upstream.release()
            assert waiting.getresponse().status == 200
            waiting.close()
            running.join(PATIENCE)
            assert running.words == WORDS


def test_a_reload_takes_effect_while_a_stream_goes_on_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "parley.toml"
    (tmp_path / "keys").write_text(KEY + "\n")
    more = {"PARLEY_API_KEYS": None, "PARLEY_API_KEYS_FILE": str(tmp_path / "keys"), "PARLEY_GRACEFUL_TIMEOUT": "600"}
    with holding() as upstream, serve("echo", {**relaying(tmp_path, upstream.entry("say")), **more}) as server:
        reader = Reader(server, "say")
        reader.start()
        assert reader.begun.wait(PATIENCE)
        path.write_text(upstream.entry("say", more='aliases = ["new-name"]') + '[models.second]\nengine = "echo"\n')
        (tmp_path / "keys").write_text(KEY + "\nsk-second\n")
        os.kill(server.pid, signal.SIGHUP)
        wait_for_models(server, "say", "new-name", "second")
        second = {"authorization": "Bearer sk-second"}
        # For a moment the old worker and the new one both answer.
        wait_until(
            lambda: all(server.request("GET", "/v1/models", headers=second).status == 200 for _ in range(10)),
            "the new keys are not in force",
        )
        assert reader.is_alive(), "the stream runs on in the old worker"
        upstream.release()
        reader.join(PATIENCE)
        assert reader.words == WORDS


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[models.say]\nengine = "eco"\n', "models.say.engine must be one of"),
        ('[models.say]\nengine = "echo"\n[models.m]\nengine = "llama"\npath = "none.gguf"', "models.m.path"),
        ('[models.m]\nengine = "upstream"\nbase_urls = ["http://localhost:{port}/v1"]', "this server's own address"),
    ],
)
def test_a_reload_of_what_cannot_be_served_leaves_all_as_it_was_and_says_why(
    tmp_path: Path, text: str, part: str
) -> None:
    path = tmp_path / "p.toml"
    with serve("echo", configured(path, '[models.say]\nengine = "echo"\n')) as server:
        workers = server.workers
        path.write_text(text.replace("{port}", str(server.port)))
        os.kill(server.pid, signal.SIGHUP)
        assert part in server.log_line("not reloaded, the server keeps running as before: ")
        assert ids(server) == ["say"]
        assert server.workers == workers
        path.write_text('[models.other]\nengine = "echo"\n')
        os.kill(server.pid, signal.SIGHUP)
        wait_for_models(server, "other")


def test_a_reload_keeps_the_process_of_a_model_that_stayed_and_replaces_that_of_one_that_changed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "p.toml"
    one = '[models.one]\nengine = "llama"\n'
    two = '[models.two]\nengine = "llama"\ncontext_length = 256\n'
    with serve("llama", configured(path, one + two)) as server:
        wait_until(lambda: len(model_processes(server)) == 4, "there is no supervisor and model for each")
        first, old_workers = model_processes(server), server.workers
        long = "word " * 400
        assert ask(server, "two", long, max_tokens=1).status == 400, "it does not fit"
        path.write_text(two.replace("256", "512") + one)
        os.kill(server.pid, signal.SIGHUP)
        wait_for_models(server, "two", "one")
        wait_until_dead(old_workers)  # till then they answer too, as they were configured
        assert ask(server, "two", long, max_tokens=1).status == 200, "new models are loaded before they are asked"
        assert ask(server, "one").status == 200
        wait_until(lambda: len(model_processes(server)) == 4, "the old one lives on")
        now = model_processes(server)
        assert len(set(now) & set(first)) == 2
        wait_until_dead(sorted(set(first) - set(now)))
        path.write_text('[models.say]\nengine = "echo"\n')
        os.kill(server.pid, signal.SIGHUP)
        wait_for_models(server, "say")
        wait_until_dead(now)
        assert all(not alive(pid) for pid in now)


def test_an_upstream_s_own_models_are_served_once_it_tells_them(tmp_path: Path) -> None:
    port = free_port()
    env = {"PARLEY_ENGINE": None, "PARLEY_UPSTREAM_URL": f"http://127.0.0.1:{port}/v1", "PARLEY_UPSTREAM_API_KEY": KEY}
    with serve("echo", env) as server:
        assert server.request("GET", "/healthz").status == 503
        assert server.request("GET", "/v1/models", headers=server.bearer).status == 503
        early = ask(server, "parley-echo")
        assert early.status == 503
        assert early.headers["retry-after"]
        with serve("echo", {"PARLEY_PORT": str(port)}):
            wait_until(lambda: server.request("GET", "/healthz").status == 200, "its models are not served")
            assert ids(server) == ["parley-echo"]
            answer = ask(server, "parley-echo", "Hello from afar")
            assert answer.json()["choices"][0]["message"]["content"] == "Hello from afar"
            assert ask(server, "parley-echo", stream=True).body.endswith(b"data: [DONE]\n\n")
        assert KEY not in server.log().replace("configured", "")


def test_a_model_elsewhere_is_stood_in_for_by_one_here_while_it_is_away(tmp_path: Path) -> None:
    text = """
[models.far]
engine = "upstream"
base_urls = ["http://127.0.0.1:{port}/v1"]
upstream_model = "parley-echo"
key_env = "FAR_KEY"
retries = 0
fallbacks = ["near"]
[models.near]
engine = "echo"
"""
    with serve("echo") as peer:
        env = configured(tmp_path / "p.toml", text.replace("{port}", str(peer.port)), FAR_KEY=KEY)
        with serve("echo", env) as server:
            answer = ask(server, "far")
            assert answer.json()["model"] == "far"
            assert "x-fallback-model" not in answer.headers
            peer.process.terminate()
            peer.process.wait(PATIENCE)
            for stream in (False, True):
                answer = ask(server, "far", stream=stream)
                assert answer.status == 200
                assert answer.headers["x-fallback-model"] == "near"
                assert b'"model":"near"' in answer.body
            assert "instead_of=far because=engine_unavailable" in server.log_line("model=near")
            assert server.request("GET", "/healthz").status == 200, "one of the models can answer"


def test_an_upstream_that_is_the_server_itself_ends_the_start() -> None:
    port = str(free_port())
    env = {"PARLEY_ENGINE": None, "PARLEY_PORT": port, "PARLEY_UPSTREAM_URL": f"http://localhost:{port}/v1"}
    with pytest.raises(StartError) as caught, serve("echo", env):
        pass
    assert "parley: PARLEY_UPSTREAM_URL is this server's own address" in caught.value.log
    with pytest.raises(StartError), serve("echo", env, args=("-b", f"127.0.0.1:{port}")):
        pass


def test_config_check_asks_each_replica_for_the_model(tmp_path: Path, command: Command) -> None:
    text = """
[defaults]
key_env = "FAR_KEY"
[models.far]
engine = "upstream"
base_urls = ["http://127.0.0.1:{port}/v1", "http://127.0.0.1:1/v1"]
upstream_model = "parley-echo"
[models.wrong]
engine = "upstream"
base_urls = ["http://127.0.0.1:{port}/v1"]
"""
    with serve("echo") as peer:
        (tmp_path / "p.toml").write_text(text.replace("{port}", str(peer.port)))
        environ = {"PARLEY_CONFIG": str(tmp_path / "p.toml"), "FAR_KEY": KEY}
        run = command("config", "check", "--probe", **environ)
        assert run.exit_code == 1
        lines = run.stdout.splitlines()[2:]
        assert "models.far.base_urls[0]: answers in " in lines[0]
        assert " ms, is not recognised and " in lines[0]
        assert lines[0].endswith(", has the model")
        assert "models.far.base_urls[1]: failed (engine_unavailable)" in lines[1]
        assert "models.wrong.base_urls[0]: answers in " in lines[2]
        assert lines[2].endswith("It lists: parley-echo")
        assert "failed (upstream_error)" in command("config", "check", "--probe", **{**environ, "FAR_KEY": "no"}).stdout
        url = {"PARLEY_UPSTREAM_URL": peer.base, "PARLEY_UPSTREAM_API_KEY": KEY}
        assert command("config", "check", "--probe", **url).exit_code == 0
        assert command("models", "list", **url).stdout.startswith("parley-echo\n\n")


def test_many_clients_at_once_are_answered_by_the_models_that_they_ask(tmp_path: Path) -> None:
    text = "".join(f'[models.m{number}]\nengine = "echo"\n' for number in range(8))
    with serve("echo", configured(tmp_path / "p.toml", text)) as server, ThreadPoolExecutor(16) as pool:
        names = [f"m{number % 8}" for number in range(64)]
        assert [answer.json()["model"] for answer in pool.map(lambda name: ask(server, name), names)] == names
