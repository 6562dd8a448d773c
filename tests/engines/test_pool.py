"""The model processes of a server: what is wanted still is kept, what cannot be loaded changes nothing."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.configuration.model_file import BUNDLED_MODEL, served_model
from app.engines.llama.process import ModelProcess
from app.errors import ConfigurationError
from app.model_process import pool as module
from app.model_process.address import KEY_VARIABLE, SOCKET_VARIABLE, address_from_environment
from app.model_process.pool import Launch, ProcessPool

from ..configuration.entries import model_file
from ..live import Server, free_port, serve
from ..patience import PATIENCE, wait_until
from .conftest import alive, child_of, parents

pytestmark = pytest.mark.live


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessPool]:
    for name in [name for name in os.environ if "_CHILD_" in name]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(module.log, "propagate", True)
    pool = ProcessPool()
    yield pool
    pool.close()
    for name in [name for name in os.environ if "_CHILD_" in name]:
        del os.environ[name]


def published() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith((SOCKET_VARIABLE, KEY_VARIABLE))}


def is_loaded(number: int) -> bool:
    async def ask() -> bool:
        process = ModelProcess(lambda: address_from_environment(number), 1)
        await process.start()
        try:
            return await process.ready()
        finally:
            await process.close()

    return asyncio.run(ask())


def small(context_length: int) -> Launch:
    return served_model(model_file(model_id=f"m{context_length}", context_length=context_length, slots=1)).launch


def test_models_are_published_in_their_order_and_kept_while_they_are_wanted(pool: ProcessPool) -> None:
    pool.launch([small(256), small(512)], workers=1, patience=20)
    assert is_loaded(0)
    assert is_loaded(1)
    first, second = address_from_environment(0), address_from_environment(1)
    pool.launch([small(512), small(256)], workers=1)
    assert (address_from_environment(0), address_from_environment(1)) == (second, first)
    pool.launch([small(256)], workers=1)
    assert address_from_environment(0) == first
    assert is_loaded(0)
    with pytest.raises(ConfigurationError):
        address_from_environment(1)
    pool.launch([], workers=1)
    assert published() == {}


def test_a_model_that_is_not_loaded_in_time_is_refused_and_those_that_run_stay(
    pool: ProcessPool, tmp_path: Path
) -> None:
    # A file whose head is right and whose tensors are nonsense to llama.cpp: it never loads.
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(BUNDLED_MODEL.read_bytes().replace(b"qwen3.block_count", b"qwen3.block_cound", 1))
    pool.launch([small(256)], workers=1, patience=20)
    before = published()
    with pytest.raises(ConfigurationError, match=r"broken\.gguf was not loaded within 1 seconds"):
        pool.launch([served_model(model_file(path=broken)).launch], workers=1, patience=1)
    assert published() == before
    assert [launch.options.context_length for launch in pool.launched] == [256]
    assert is_loaded(0)


# -- a supervisor and its child that are both gone ---------------------------------------------------------------


def supervisor_below(pid: int, besides: frozenset[int] = frozenset()) -> int:
    """The one supervisor that a process has started, besides those that it had."""
    (found,) = supervisors_below(pid) - besides
    return found


def supervisors_below(pid: int) -> frozenset[int]:
    return frozenset(
        child
        for child, parent in parents().items()
        if parent == pid and b"app.model_process.supervisor" in Path(f"/proc/{child}/cmdline").read_bytes()
    )


def kill_both(supervisor: int) -> None:
    child = child_of(supervisor)
    assert child is not None
    for pid in (supervisor, child):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(supervisor) and not alive(child))


def status(server: Server) -> int:
    body = {"model": "parley-tiny", "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 1}
    return server.request("POST", "/v1/chat/completions", body=body, headers=server.bearer).status


def test_what_has_ended_is_launched_again_behind_the_same_address(
    pool: ProcessPool, caplog: pytest.LogCaptureFixture
) -> None:
    others = supervisors_below(os.getpid())
    pool.launch([small(256)], workers=1, patience=PATIENCE)
    before = published()
    kill_both(supervisor_below(os.getpid(), others))

    def launched_again() -> bool:
        pool.launch([small(256)], workers=1)
        return "is being restarted" in caplog.text

    wait_until(launched_again)
    assert published() == before
    wait_until(lambda: is_loaded(0))
    assert caplog.text.count("is being restarted") == 1


def test_a_supervisor_that_cannot_be_started_again_is_told_and_tried_again(
    pool: ProcessPool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = supervisors_below(os.getpid())
    pool.launch([small(256)], workers=1, patience=PATIENCE)

    def revived(said: str) -> bool:
        pool.revive()
        return said in caplog.text

    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", "/nowhere/python")
        kill_both(supervisor_below(os.getpid(), others))
        wait_until(lambda: revived("has ended: The model's supervisor cannot be started"))
    wait_until(lambda: revived("had ended and is being restarted"))
    wait_until(lambda: is_loaded(0))


def test_both_are_back_for_the_next_request_and_after_a_reload() -> None:
    with serve("llama") as server:
        kill_both(supervisor_below(server.pid))
        wait_until(lambda: status(server) == 200)
        workers = server.workers
        kill_both(supervisor_below(server.pid))
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: not set(server.workers) & set(workers))
        wait_until(lambda: status(server) == 200)
        assert "Traceback" not in server.log()


def test_a_worker_brings_back_those_that_it_has_launched_itself() -> None:
    port = free_port()
    args = ("-c", os.devnull, "-k", "app.web.worker.Worker", "--asgi-lifespan", "on", "-b", f"127.0.0.1:{port}")
    with serve("llama", {"PARLEY_PORT": str(port), "PARLEY_MODEL_PROBE": "7.5"}, args) as server:
        assert server.log_line("it starts one of its own")
        (worker,) = server.workers
        assert probe_of(supervisor_below(worker)) == "7.5"
        kill_both(supervisor_below(worker))
        wait_until(lambda: status(server) == 200)
        assert server.workers == [worker]


def probe_of(supervisor: int) -> str:
    """The seconds that a supervisor was told."""
    return Path(f"/proc/{supervisor}/cmdline").read_text().split("\0")[-3]


def test_no_key_of_a_client_or_of_another_server_reaches_the_processes(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("sk-in-a-file\n")
    config = tmp_path / "parley.toml"
    config.write_text(
        '[models.parley-tiny]\nengine = "llama"\n'
        '[models.other]\nengine = "upstream"\nbase_urls = ["http://127.0.0.1:9/v1"]\nkey_env = "OTHER"\n'
    )
    env = {
        "PARLEY_ENGINE": None,
        "PARLEY_CONFIG": str(config),
        "PARLEY_API_KEYS": "sk-first,sk-second",
        "PARLEY_API_KEYS_FILE": str(keys),
        "OTHER": "sk-other",
        "PARLEY_MODEL_PROBE": "7.5",
    }
    with serve("echo", env) as server:
        supervisor = supervisor_below(server.pid)
        assert probe_of(supervisor) == "7.5"
        wait_until(lambda: child_of(supervisor) is not None)
        for pid in (supervisor, child_of(supervisor)):
            told = Path(f"/proc/{pid}/environ").read_text() + Path(f"/proc/{pid}/cmdline").read_text()
            assert "PATH=" in told
            assert "sk-" not in told
            assert "PARLEY_" not in told
            assert not re.search("[0-9a-f]{64}", told), "its own key comes by a pipe"
