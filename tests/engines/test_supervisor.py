"""The model process is started, started again, and gone when the server is gone, however that came about."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from app.errors import EngineUnavailable
from app.jsontypes import Json
from app.model_process import supervisor
from app.model_process.address import KEY_LENGTH
from app.model_process.child import ChildOptions
from app.model_process.health import is_loaded
from app.model_process.supervisor import Supervision

from ..patience import PATIENCE, wait_until
from .asking import complete, stream
from .conftest import (
    BUNDLED,
    CONTEXT_LENGTH,
    ENDLESS,
    alive,
    child_of,
    engine_at,
    environment_kept,
    supervised,
)

pytestmark = pytest.mark.live

OPTIONS = ChildOptions(model=str(BUNDLED), context_length=CONTEXT_LENGTH, slots=2, threads=1)
HELLO = [{"role": "user", "content": "Hello!"}]

# A server in small: a master that launches, a worker forked from it, and no work.
SERVER = """
import os, sys, time
from app.model_process.child import ChildOptions
from app.model_process.supervisor import begin
launched = begin(ChildOptions.from_json(sys.argv[1]))
worker = os.fork()
if worker:
    print(launched.socket, launched.key, launched.pid, worker, flush=True)
time.sleep(60)
"""


class Known(NamedTuple):
    """What is known of a supervisor elsewhere."""

    socket: str
    key: str
    pid: int


@pytest.fixture
def own() -> Iterator[Supervision]:
    """A supervisor for one test, which may do to it what it likes."""
    with supervised(OPTIONS) as running:
        yield running


async def _complete(running: Supervision | Known) -> Json:
    engine = engine_at(running.socket, running.key)
    await engine.start()
    try:
        return await complete(engine, {"messages": HELLO, "temperature": 0})
    finally:
        await engine.close()


def _answers(running: Supervision | Known) -> bool:
    return bool(asyncio.run(_complete(running))["choices"])


def _child(running: Supervision | Known) -> int:
    wait_until(lambda: child_of(running.pid) is not None)
    child = child_of(running.pid)
    assert child is not None
    return child


def test_a_launch_is_published_and_its_key_is_shown_to_nobody() -> None:
    with environment_kept():
        running = supervisor.begin(OPTIONS)
        try:
            assert not Path(running.socket).exists()  # the model is loaded meanwhile
            running.publish()
            assert os.environ["PARLEY_CHILD_SOCKET"] == running.socket
            assert os.environ["PARLEY_CHILD_KEY"] == running.key
            assert running.key not in repr(running)
            assert Path(running.socket).parent.stat().st_mode & 0o777 == 0o700
            command = Path(f"/proc/{running.pid}/cmdline").read_text()
            assert running.key not in command
            assert _answers(running)
        finally:
            running.close()
        assert not alive(running.pid)
        assert not Path(running.socket).parent.exists()
        running.close()


def test_a_long_tmpdir_is_avoided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with supervised(OPTIONS) as running:
        assert running.socket.startswith("/tmp/")
        assert list(folder.iterdir()) == []


def test_the_processes_find_the_package_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.py").write_text("raise SystemExit('the wrong app')")
    monkeypatch.chdir(tmp_path)
    with supervised(OPTIONS) as running:
        assert _answers(running)


def test_the_model_answers_again_after_its_process_was_killed_mid_stream(own: Supervision) -> None:
    async def use() -> None:
        engine = engine_at(own.socket, own.key)
        await engine.start()
        pieces = stream(engine, {"messages": HELLO, **ENDLESS})
        await anext(pieces)
        first = _child(own)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(EngineUnavailable) as caught:
            async for _ in pieces:
                pass
        assert caught.value.headers == {"retry-after": "1"}
        # No pause: a request waits while the model is loaded again.
        assert (await complete(engine, {"messages": HELLO}))["choices"]
        assert _child(own) != first
        await engine.close()

    asyncio.run(asyncio.wait_for(use(), PATIENCE))


def test_signals_end_neither_supervisor_nor_model(own: Supervision) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(own.pid, number)  # the first while it starts
    assert _answers(own)
    child = _child(own)
    for pid in (own.pid, child):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pid, number)
    time.sleep(0.2)
    assert alive(own.pid)
    assert _child(own) == child
    assert _answers(own)


@pytest.mark.parametrize("stopped", [False, True])
def test_the_model_ends_with_its_supervisor_and_both_are_back_behind_the_same_address(
    own: Supervision, stopped: bool
) -> None:
    assert _answers(own)
    assert not own.revive()
    first, child = own.pid, _child(own)
    if stopped:
        os.kill(child, signal.SIGSTOP)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not alive(child))
    wait_until(lambda: not own.is_running())
    wait_until(own.revive)
    assert own.is_running()
    assert own.pid != first
    wait_until(lambda: is_loaded(own.socket, own.key))
    assert _answers(own)


def test_what_a_killed_supervisor_left_is_removed_with_the_server(own: Supervision) -> None:
    assert _answers(own)
    child = _child(own)
    os.kill(own.pid, signal.SIGKILL)
    wait_until(lambda: not own.is_running() and not alive(child))
    assert Path(own.socket).exists()
    own.close()
    assert not Path(own.socket).parent.exists()


def _see_it_asked(running: Supervision) -> None:
    """Wait until the supervisor asks for the model's health, and answer in its place."""
    path, aside = running.socket, running.socket + ".aside"
    os.rename(path, aside)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(PATIENCE)
        asking, _ = listener.accept()
        with asking:
            assert asking.recv(1024).startswith(b"GET /health ")
            asking.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            assert asking.recv(1024) == b"", "it has read the answer"
    os.rename(aside, path)


def test_a_model_that_hangs_is_killed_and_started_again_and_its_requests_end(capfd: pytest.CaptureFixture[str]) -> None:
    async def use(running: Supervision) -> None:
        engine = engine_at(running.socket, running.key)
        await engine.start()
        pieces = stream(engine, {"messages": HELLO, **ENDLESS})
        await anext(pieces)
        first = _child(running)
        os.kill(first, signal.SIGSTOP)
        whole = asyncio.ensure_future(complete(engine, {"messages": HELLO}))
        with pytest.raises(EngineUnavailable):
            async for _ in pieces:
                pass
        with pytest.raises(EngineUnavailable):
            await whole
        await asyncio.to_thread(wait_until, lambda: is_loaded(running.socket, running.key))
        assert _child(running) != first
        assert (await complete(engine, {"messages": HELLO}))["choices"]
        await engine.close()

    with supervised(OPTIONS, probe=6.0) as running:
        wait_until(lambda: is_loaded(running.socket, running.key))
        _see_it_asked(running)
        asyncio.run(asyncio.wait_for(use(running), PATIENCE))
    assert "neither answered nor computed for 6 s and was killed; it will be restarted" in capfd.readouterr().err


def _server(options: ChildOptions) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", SERVER, options.to_json()],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_model_lives_as_long_as_a_worker_and_then_leaves_nothing() -> None:
    server = _server(OPTIONS)
    assert server.stdout is not None
    assert server.stderr is not None
    path, key, pid, worker = server.stdout.readline().split()
    running = Known(path, key, int(pid))
    assert _answers(running)
    child = _child(running)
    server.kill()
    server.wait()
    time.sleep(0.2)
    assert alive(running.pid)
    assert _answers(running)  # a worker that drains its streams still has its model
    os.kill(int(worker), signal.SIGKILL)
    wait_until(lambda: not alive(child) and not alive(running.pid))
    wait_until(lambda: not Path(path).parent.exists())
    assert server.stderr.read() == ""
    server.stdout.close()
    server.stderr.close()


def test_a_model_that_cannot_be_loaded_is_named_and_tried_again(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(BUNDLED.read_bytes().replace(b"qwen3", b"zzzzz"))
    server = _server(ChildOptions(model=str(wrong), context_length=CONTEXT_LENGTH))
    assert server.stdout is not None
    assert server.stderr is not None
    path, key, pid, worker = server.stdout.readline().split()

    async def ready() -> bool:
        engine = engine_at(path, key)
        await engine.start()
        try:
            return await engine.ready()
        finally:
            await engine.close()

    def retries() -> Iterator[str]:
        assert server.stderr is not None
        for line in server.stderr:
            if "will be restarted" in line:
                yield line
            else:
                assert f"llama.cpp could not load the model {wrong}" in line

    lines = retries()
    assert "ended with status 5; it will be restarted in 0.1 s" in next(lines)
    assert not asyncio.run(ready())
    assert "it will be restarted in 0.2 s" in next(lines)
    assert not asyncio.run(ready())
    for process in (server.pid, int(worker)):
        os.kill(process, signal.SIGKILL)
    server.wait()
    wait_until(lambda: not alive(int(pid)))
    wait_until(lambda: not Path(path).parent.exists())
    server.stdout.close()
    server.stderr.close()


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("libgomp.so.1: cannot open shared object file", "apt-get install -y libgomp1"),
        ("no such symbol", "cannot be imported (no such symbol)"),
    ],
)
def test_a_library_that_cannot_be_imported_is_said_in_one_sentence(tmp_path: Path, failure: str, sentence: str) -> None:
    (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({failure!r})")
    read_end, write_end = os.pipe()
    os.write(write_end, b"k" * KEY_LENGTH)
    child = subprocess.run(
        [sys.executable, "-m", "app.model_process.child", str(tmp_path / "s.sock"), str(read_end), OPTIONS.to_json()],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        pass_fds=(read_end,),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    os.close(read_end)
    os.close(write_end)
    assert child.returncode == 6
    assert sentence in child.stderr
    assert child.stderr.count("\n") == 1


def test_the_processes_are_light_until_the_model_is_loaded() -> None:
    code = (
        "import sys, app.model_process.supervisor; "
        "print([name for name in ('xllamacpp', 'aiohttp', 'connexion', 'flask') if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout == "[]\n"
