"""A server whose model comes from a hub: downloaded once, before anything is served, and there again without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Command
from .engines.conftest import BUNDLED
from .engines.gguf_template import with_template
from .live import ROOT, Answer, Server, StartError, serve
from .model_files.hub_server import Hub, hub
from .patience import wait_until

pytestmark = pytest.mark.live

CONTENT = BUNDLED.read_bytes()


@pytest.fixture
def loopback() -> Iterator[Hub]:
    with hub(
        {"org/tiny-GGUF": {"tiny-Q4_K_M.gguf": CONTENT, "mmproj.gguf": b"", "tiny-F16.gguf": b"no model"}}
    ) as made:
        yield made


def environ(loopback: Hub, tmp_path: Path, **more: str) -> dict[str, str | None]:
    return {
        "HF_TOKEN": None,
        "HF_HUB_OFFLINE": None,
        "HF_HUB_CACHE": None,
        **loopback.environ(tmp_path / "hf"),
        "PARLEY_MODEL": "hf:org/tiny-GGUF",
        **more,
    }


def ask(server: Server, model: str) -> Answer:
    body = {"model": model, "temperature": 0, "messages": [{"role": "user", "content": "Hello!"}]}
    return server.request("POST", "/v1/chat/completions", body=body, headers=server.bearer)


def refused(env: dict[str, str | None]) -> str:
    with pytest.raises(StartError) as caught, serve("llama", env):
        pass
    assert caught.value.status
    assert "Traceback" not in caught.value.log
    return caught.value.log


def test_a_model_on_a_hub_is_downloaded_resumed_served_and_served_again_without_the_hub(
    loopback: Hub, tmp_path: Path
) -> None:
    env = environ(loopback, tmp_path)
    loopback.breaks_at = 3_000_000
    said = refused(env)
    assert "parley: PARLEY_MODEL: hf:org/tiny-GGUF is not in the cache, and the hub 127.0.0.1 answers with " in said
    assert "The part that was downloaded is kept" in said
    loopback.status = 0
    with serve("llama", env, ("-w", "2")) as server:
        assert ask(server, "tiny-Q4_K_M").json()["choices"][0]["message"]["content"]
        assert server.log_line("tiny-Q4_K_M.gguf resumes at ")
    first, *_, last = loopback.downloads
    assert first is None
    assert last is not None
    assert last.startswith("bytes=")
    asked = len(loopback.asked)
    with serve("llama", {**env, "HF_HUB_OFFLINE": "1"}) as server:
        assert server.log_line("HF_HUB_OFFLINE forbids requests to the hub; the file in the cache is served")
        assert ask(server, "tiny-Q4_K_M").status == 200
    assert len(loopback.asked) == asked


def test_what_a_hub_gives_is_checked_as_any_model_file(loopback: Hub, tmp_path: Path) -> None:
    env = environ(loopback, tmp_path, PARLEY_MODEL="hf:org/tiny-GGUF:F16")
    assert "tiny-F16.gguf is not a GGUF file" in refused(env)


def test_a_file_that_a_repository_does_not_have_ends_the_start_with_those_that_it_has(
    loopback: Hub, tmp_path: Path
) -> None:
    said = refused(environ(loopback, tmp_path, PARLEY_MODEL="hf:org/tiny-GGUF:Q2_K"))
    assert "has no such file or quantisation. It has: tiny-F16.gguf, tiny-Q4_K_M.gguf." in said


def test_a_configuration_file_names_one_too_and_a_reload_downloads_what_is_new_in_it(
    loopback: Hub, tmp_path: Path, command: Command
) -> None:
    other = with_template(tmp_path / "m.gguf", "{{ messages[-1].content }}").read_bytes()
    loopback.repositories["org/other"] = {"other.gguf": other}
    model = '[models.{}]\nengine = "llama"\npath = "{}"\n'
    file = tmp_path / "parley.toml"
    file.write_text(model.format("a", "hf:org/tiny-GGUF"))
    env = {**environ(loopback, tmp_path), "PARLEY_MODEL": None, "PARLEY_ENGINE": None, "PARLEY_CONFIG": str(file)}
    checked = command("config", "check", PARLEY_CONFIG=str(file), HF_HOME=str(tmp_path / "hf"))
    assert checked.exit_code == 0
    assert "hf:org/tiny-GGUF is not downloaded yet, and so not checked" in checked.stdout
    with serve("llama", env) as server:
        assert ask(server, "a").status == 200
        assert ask(server, "b").status == 404
        file.write_text(model.format("a", "hf:org/tiny-GGUF") + model.format("b", "hf:org/other"))
        os.kill(server.pid, signal.SIGHUP)
        assert server.log_line("other.gguf is downloaded, 3.6 MB")
        wait_until(lambda: ask(server, "b").status == 200)
        file.write_text(model.format("c", "hf:org/none"))
        os.kill(server.pid, signal.SIGHUP)
        assert "hf:org/none" in server.log_line("not reloaded, the server keeps running as before")
        assert ask(server, "a").status == 200


def test_a_start_that_is_stopped_while_it_downloads_leaves_no_process_behind(loopback: Hub, tmp_path: Path) -> None:
    with hub({}) as silent:
        silent.waits = True
        asking = {"PARLEY_MODEL": "hf:org/x", "PARLEY_API_KEYS": "k", "HF_HUB_ETAG_TIMEOUT": "300"}
        env = {**os.environ, **asking, **silent.environ(tmp_path / "hf")}
        started = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "wsgi:app"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # In the background of a script it would be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        wait_until(lambda: bool(silent.asked))
        assert _downloads(silent.url)
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=30)
        assert started.returncode == 130, said
        assert b"Traceback" not in said
        wait_until(lambda: not _downloads(silent.url))


def _downloads(url: str) -> list[int]:
    """The processes that download from a hub."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (
                    b"app.model_files.hub" in (entry / "cmdline").read_bytes()
                    and url.encode() in (entry / "environ").read_bytes()
                ):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
