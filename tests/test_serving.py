"""A start works or ends in one sentence; the server is closed by default; a stop lets running answers finish."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from tools.tiny_model.dialogue import ENDS

from .live import KEY, ROOT, Server, StartError, free_port, serve
from .patience import PATIENCE, wait_until

pytestmark = pytest.mark.live

CHAT = "/v1/chat/completions"


def ask(server: Server, model: str = "parley-tiny", **fields: Any) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello!"}], "temperature": 0, **fields}
    return server.request("POST", CHAT, body=body, headers=server.bearer)


def refused(env: Mapping[str, str | None] | None = None, args: tuple[str, ...] = ()) -> StartError:
    with pytest.raises(StartError) as caught, serve("echo", env, args):
        pass
    assert caught.value.status, "it must end with a failure"
    assert "Traceback" not in caught.value.log
    return caught.value


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def model_processes(server: Server) -> list[int]:
    """The supervisor and the model child of a server, found by the socket that they were given."""
    environ = Path(f"/proc/{server.workers[0]}/environ").read_bytes()
    assert b"PARLEY_" in environ
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if b"app.model_process.supervisor" in command and parent == server.pid:
            found.append(int(entry.name))
            for other in Path("/proc").iterdir():
                try:
                    if int((other / "stat").read_text().rpartition(")")[2].split()[1]) == int(entry.name):
                        found.append(int(other.name))
                except (OSError, ValueError):
                    continue
    return found


def wait_until_dead(pids: list[int]) -> None:
    wait_until(lambda: not any(alive(pid) for pid in pids), lambda: f"alive: {[pid for pid in pids if alive(pid)]}")


# -- what a start prints -----------------------------------------------------------------------------------------


def test_without_a_key_one_is_made_shown_and_kept(tmp_path: Path) -> None:
    env: dict[str, str | None] = {"PARLEY_API_KEYS": None, "PARLEY_STATE_DIR": str(tmp_path / "state")}
    with serve("echo", env) as server:
        key = (tmp_path / "state" / "api-key").read_text().strip()
        assert server.log_line(key)
        assert server.log_line(f"{server.base}/ui/")
        assert stat.S_IMODE((tmp_path / "state" / "api-key").stat().st_mode) == 0o600
        assert ask(server, "parley-echo").status == 200
        # The line that is printed can be pasted.
        line = "curl http" + server.log_line("curl http").partition("curl http")[2]
        output = subprocess.run(["sh", "-c", line + " -s"], capture_output=True, timeout=PATIENCE, check=True).stdout
        assert json.loads(output)["choices"][0]["message"]["content"] == "Hello!"
    with serve("echo", env) as server:
        assert server.log_line(key)


def test_a_configured_key_is_never_printed(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# ours\n\nsk-from-the-file\n")
    with serve(
        "echo", {"PARLEY_API_KEYS": f"{KEY},sk-second", "PARLEY_API_KEYS_FILE": str(tmp_path / "keys")}
    ) as server:
        for key in (KEY, "sk-second", "sk-from-the-file"):
            headers = {"authorization": f"Bearer {key}"}
            assert server.request("GET", "/v1/models", headers=headers).status == 200
            assert key not in server.log()
        assert re.search(r"configured: [0-9a-f]{8}, [0-9a-f]{8}, [0-9a-f]{8}$", server.log_line("configured: "))


# -- starts that must not succeed --------------------------------------------------------------------------------


def test_an_open_address_needs_a_configured_key() -> None:
    port: dict[str, str | None] = {"PARLEY_API_KEYS": None}
    assert "PARLEY_API_KEYS" in refused({**port, "PARLEY_HOST": "0.0.0.0"}).log
    assert "PARLEY_ALLOW_GENERATED_KEY" in refused(port, ("-b", "0.0.0.0:0")).log
    assert "PARLEY_ALLOW_GENERATED_KEY" in refused(port, ("-b", ":0")).log
    with serve("echo", {**port, "PARLEY_HOST": "0.0.0.0", "PARLEY_ALLOW_GENERATED_KEY": "1"}) as server:
        assert ask(server, "parley-echo").status == 200
    with serve("echo", {"PARLEY_HOST": "0.0.0.0"}) as server:
        assert ask(server, "parley-echo").status == 200


@pytest.mark.parametrize("args", [("-k", "sync"), ("-k", "gthread"), ("-k", "gthread", "--threads", "4")])
def test_a_worker_class_that_speaks_wsgi_ends_the_start(args: tuple[str, ...]) -> None:
    assert "Set it to asgi" in refused(args=args).log


def test_so_it_does_when_our_configuration_is_not_read_at_all(tmp_path: Path) -> None:
    (tmp_path / "foreign.py").write_text("import os\nbind = '127.0.0.1:' + os.environ['PARLEY_PORT']\n")
    args = ("-c", str(tmp_path / "foreign.py"), "--no-control-socket")
    assert "Set it to asgi" in refused(args=args).log
    with serve("echo", args=(*args, "-k", "asgi")) as server:
        assert ask(server, "parley-echo").status == 200


@pytest.mark.parametrize(
    ("env", "part"),
    [
        ({"PARLEY_PORT": "eighty"}, "PARLEY_PORT must be a whole number"),
        ({"PARLEY_ENGINE": "steam"}, "PARLEY_ENGINE must be one of: llama, echo"),
        ({"PARLEY_SPEC": "/nowhere/openapi.yaml"}, "cannot be read"),
        ({"PARLEY_SPEC": __file__}, "not"),
        ({"PARLEY_API_KEYS_FILE": "/nowhere/keys"}, "cannot be read"),
        ({"PARLEY_API_KEYS": "key with spaces"}, "no spaces"),
        ({"PARLEY_EXTRA_PARAMETERS": "ignore_eos"}, "PARLEY_EXTRA_PARAMETERS has ignore_eos"),
        ({"PARLEY_ENGINE": "llama", "PARLEY_MODEL": "/nowhere/model.gguf"}, "/nowhere/model.gguf"),
        ({"PARLEY_ENGINE": "llama", "PARLEY_MODEL": __file__}, "not a GGUF file"),
        ({"PARLEY_ENGINE": "llama", "PARLEY_MODEL_CONTEXT": "16777216", "PARLEY_MODEL_SLOTS": "256"}, "can count"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_the_start_with_a_sentence(env: dict[str, str | None], part: str) -> None:
    log = refused(env).log
    assert re.search(r"^parley: ", log, re.MULTILINE)
    assert part in log


@pytest.mark.parametrize(
    ("operation", "part"),
    [
        ({"security": [{"Undefined": []}]}, "secured by Undefined"),
        (
            {"requestBody": {"content": {"application/json": {"schema": {"type": "string", "pattern": "(a"}}}}},
            "cannot be used",
        ),
        ({"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/nowhere"}}}}}, "/nowhere"),
    ],
)
def test_a_document_that_cannot_be_served_ends_the_start(tmp_path: Path, operation: Any, part: str) -> None:
    paths = {"/x": {"post": {"operationId": "x", "responses": {}, **operation}}}
    document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths}
    (tmp_path / "d.json").write_text(json.dumps(document))
    log = refused({"PARLEY_SPEC": str(tmp_path / "d.json")}).log
    assert part in log
    assert "parley contract check" in log


def test_a_name_that_is_no_setting_is_pointed_out() -> None:
    with serve("echo", {"PARLEY_MODLE": "x"}) as server:
        assert server.log_line("PARLEY_MODLE")


# -- other ways to start -----------------------------------------------------------------------------------------


def test_gunicorns_configuration_is_a_module_too() -> None:
    args = ("-c", "python:app.serving")
    with serve("echo", args=args) as server:
        assert ask(server, "parley-echo").status == 200
        assert server.log_line(f"Parley serves parley-echo at {server.base}")
    refusal = refused({"PARLEY_GRACEFUL_TIMEOUT": "long"}, args)
    assert re.fullmatch(r"parley: PARLEY_GRACEFUL_TIMEOUT must be a whole number[^\n]*\.\n", refusal.log)


def test_the_application_can_be_loaded_before_the_fork_and_served_by_several_workers() -> None:
    with serve("llama", args=("--preload", "-w", "2")) as server:
        assert [ask(server).status for _ in range(8)] == [200] * 8
        assert len(model_processes(server)) == 2, "one supervisor and one model, whatever the number of workers"


@pytest.mark.parametrize("command", ["parley serve", "flask --app wsgi run"])
def test_both_commands_that_serve_start_gunicorn_in_a_checkout(command: str) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *command.split(), "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "PARLEY_ENGINE": "echo", "PARLEY_API_KEYS": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )

    def answers() -> bool:
        with contextlib.suppress(OSError), contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as asked:
            asked.request("GET", "/v1/models", headers={"authorization": f"Bearer {KEY}"})
            return asked.getresponse().status == 200
        return False

    try:
        wait_until(answers, "it does not answer")
    finally:
        process.terminate()
        output = process.communicate(timeout=PATIENCE)[0]
    assert b"gunicorn" in output


def test_flask_finds_our_commands() -> None:
    environ = {**os.environ, "PARLEY_ENGINE": "echo", "PARLEY_API_KEYS": KEY}
    run = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "models", "list"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("parley-echo\n\nThe catalogue")


def test_no_model_is_started_for_a_document_without_chat(tmp_path: Path) -> None:
    document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/x": {"get": {"responses": {}}}}}
    (tmp_path / "other.json").write_text(json.dumps(document))
    with serve("llama", {"PARLEY_SPEC": str(tmp_path / "other.json")}) as server:
        assert model_processes(server) == []
        answer = server.request("GET", "/x")
        assert answer.status == 501
        assert answer.json()["error"]["code"] == "not_implemented"


# -- the end -----------------------------------------------------------------------------------------------------


@pytest.fixture
def own_llama_server() -> Iterator[Server]:
    with serve("llama", {"PARLEY_GRACEFUL_TIMEOUT": "30"}) as server:
        yield server


def _long_stream(server: Server, lines: list[bytes], begun: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    body = {
        "model": "parley-tiny",
        "stream": True,
        "messages": [{"role": "user", "content": "Tell me a joke."}],
        # No token that ends the answer: it goes on to the number of tokens.
        "logit_bias": {str(end): -100 for end in ENDS},
        "max_tokens": 1900,
    }
    connection.request("POST", CHAT, json.dumps(body), {**server.bearer, "content-type": "application/json"})
    response = connection.getresponse()
    while line := response.readline():
        lines.append(line)
        if len(lines) > 20:
            begun.set()
    connection.close()


def test_a_stop_lets_a_running_stream_finish_also_when_the_whole_group_is_told(own_llama_server: Server) -> None:
    lines: list[bytes] = []
    begun = threading.Event()
    reader = threading.Thread(target=_long_stream, args=(own_llama_server, lines, begun))
    reader.start()
    assert begun.wait(PATIENCE)
    model = model_processes(own_llama_server)
    assert len(model) == 2
    for pid in [*model, own_llama_server.pid]:
        os.kill(pid, signal.SIGTERM)
    reader.join(PATIENCE)
    assert lines[-2] == b"data: [DONE]\n"
    assert not any(b'"error"' in line for line in lines)
    assert own_llama_server.process.wait(PATIENCE) == 0
    wait_until_dead(model)


def test_a_request_that_a_stop_cannot_wait_for_is_told_so() -> None:
    with serve("echo", {"PARLEY_ECHO_DELAY": "60", "PARLEY_GRACEFUL_TIMEOUT": "2"}) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        body = {"model": "parley-echo", "messages": [{"role": "user", "content": "Hello!"}]}
        connection.request("POST", CHAT, json.dumps(body), {**server.bearer, "content-type": "application/json"})
        wait_until(lambda: server.request("GET", "/livez").status == 200, "it is not there")
        os.kill(server.pid, signal.SIGTERM)
        answer = connection.getresponse()
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert json.loads(answer.read())["error"]["code"] == "overloaded"
        assert server.process.wait(PATIENCE) == 0


def test_the_death_of_the_model_ends_a_stream_with_an_error_and_the_next_request_is_answered(
    own_llama_server: Server,
) -> None:
    lines: list[bytes] = []
    begun = threading.Event()
    reader = threading.Thread(target=_long_stream, args=(own_llama_server, lines, begun))
    reader.start()
    assert begun.wait(PATIENCE)
    _supervisor, child = model_processes(own_llama_server)
    os.kill(child, signal.SIGKILL)
    reader.join(PATIENCE)
    data = [line.removeprefix(b"data: ").strip() for line in lines if line.startswith(b"data: ")]
    assert data[-1] == b"[DONE]"
    error = json.loads(data[-2])["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "engine_unavailable"
    assert own_llama_server.log_line("error=engine_unavailable")
    assert ask(own_llama_server).status == 200


def test_a_killed_master_leaves_nothing_behind(own_llama_server: Server) -> None:
    pids = [*own_llama_server.workers, *model_processes(own_llama_server)]
    assert len(pids) == 3
    kept = http.client.HTTPConnection("127.0.0.1", own_llama_server.port)
    kept.request("GET", "/livez")
    kept.getresponse().read()
    own_llama_server.process.kill()
    wait_until_dead(pids)
    kept.close()


def test_idle_connections_do_not_hold_up_a_stop() -> None:
    with serve("echo", {"PARLEY_GRACEFUL_TIMEOUT": "600"}) as server:
        silent = http.client.HTTPConnection("127.0.0.1", server.port)
        silent.connect()
        kept = http.client.HTTPConnection("127.0.0.1", server.port)
        kept.request("GET", "/livez")
        kept.getresponse().read()
        server.process.terminate()
        assert server.process.wait(PATIENCE) == 0
        silent.close()
        kept.close()


def test_a_client_that_had_just_connected_when_its_worker_was_told_to_stop_is_answered() -> None:
    with serve("echo") as server:
        [worker] = server.workers
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        client.connect()
        # Another one that is answered shows that the first is with the worker.
        assert server.request("GET", "/livez").status == 200
        server.process.send_signal(signal.SIGHUP)
        server.log_line("Worker shutting down")
        client.request("GET", "/livez")
        assert client.getresponse().status == 200
        client.close()
        wait_until(lambda: worker not in server.workers)


def test_nor_does_a_reload_that_is_being_prepared(tmp_path: Path) -> None:
    spec = copytree(ROOT / "openapi", tmp_path / "api") / "openapi.yaml"
    with serve("echo", {"PARLEY_SPEC": str(spec)}) as server:
        spec.unlink()
        os.mkfifo(spec)  # who opens it to read waits for good
        for _ in range(3):
            server.process.send_signal(signal.SIGHUP)
        server.log_line("Handling signal: hup")
        server.process.terminate()
        assert server.process.wait(PATIENCE) == 0
        assert "not reloaded" not in server.log(), "it waited for the trial to give up"


def test_while_the_model_is_down_requests_get_503_with_retry_after_and_health_says_so(tmp_path: Path) -> None:
    # A file whose head is right and whose tensors are nonsense to llama.cpp: it never loads.
    bundled = (ROOT / "app" / "model" / "tiny-q8_0.gguf").read_bytes()
    broken = bundled.replace(b"qwen3.block_count", b"qwen3.block_cound", 1)
    (tmp_path / "broken.gguf").write_bytes(broken)
    with serve("echo", {"PARLEY_ENGINE": "llama", "PARLEY_MODEL": str(tmp_path / "broken.gguf")}) as server:
        health = server.request("GET", "/healthz")
        assert health.status == 503
        answer = ask(server, "broken")
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["error"]["code"] == "engine_unavailable"
        assert server.request("GET", "/livez").status == 200
        assert server.log_line("broken.gguf")
