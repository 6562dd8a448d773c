"""Starts the servers that are measured, on free ports of loopback, and ends them by their process ids."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import process

ROOT = Path(__file__).parent.parent
SCRATCH = ROOT / ".bench"
KEY = "bench-key"
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Server:
    """A running server. ``started_in`` is the time from the command to the first 200 in seconds."""

    name: str
    pid: int
    port: int
    model: str
    started_in: float
    base: str = "/v1"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base}/chat/completions"

    @property
    def worker(self) -> int:
        """The process id of the one worker (with the ``echo`` engine gunicorn's master has no other child)."""
        return process.tree(self.pid)[1]


def parley(*, engine: str = "echo", echo_delay: float = 0.0) -> contextlib.AbstractContextManager[Server]:
    """Parley as it is served, started by plain ``gunicorn wsgi:app``."""
    settings = {
        "PARLEY_ENGINE": engine,
        "PARLEY_ECHO_DELAY": str(echo_delay),
        "PARLEY_API_KEYS": KEY,
        "PARLEY_STATE_DIR": str(SCRATCH / "state"),
        "PARLEY_GRACEFUL_TIMEOUT": "1",
    }
    model = "parley-tiny" if engine == "llama" else "parley-echo"
    return _serve("parley", ["wsgi:app"], settings, model=model, port_setting="PARLEY_PORT", cwd=ROOT)


def serving(model: str, slots: int, context: int) -> contextlib.AbstractContextManager[Server]:
    """Parley with a model file or one that was pulled."""
    settings = {
        "PARLEY_MODEL": model,
        "PARLEY_MODEL_SLOTS": str(slots),
        "PARLEY_MODEL_CONTEXT": str(context),
        "PARLEY_API_KEYS": KEY,
        "PARLEY_STATE_DIR": str(SCRATCH / "state"),
        "PARLEY_GRACEFUL_TIMEOUT": "1",
    }
    return _serve("parley", ["wsgi:app"], settings, model=model, port_setting="PARLEY_PORT", cwd=ROOT)


def llama(path: Path, threads: int, slots: int, context: int) -> contextlib.AbstractContextManager[Server]:
    """llama.cpp's own server."""
    options = [str(threads), str(slots), str(context)]
    command = [sys.executable, "-m", "bench.llama", str(path)]
    return _run("llama.cpp", lambda port: [*command, str(port), *options], {}, model=path.stem, cwd=ROOT)


def stock() -> contextlib.AbstractContextManager[Server]:
    """A stock Connexion application on our contract, with a constant answer."""
    return _plain("stock", "bench.stock:app")


def bare() -> contextlib.AbstractContextManager[Server]:
    """A Starlette application with a constant answer: the floor."""
    return _plain("bare", "bench.bare:app")


def relay_settings(upstream: Server) -> dict[str, str]:
    """What makes Parley a front door of the bench's upstream: its address and a key."""
    return {
        "PARLEY_UPSTREAM_URL": f"http://127.0.0.1:{upstream.port}/v1",
        "PARLEY_UPSTREAM_DIALECT": "openai",
        "PARLEY_UPSTREAM_API_KEY": KEY,
        "PARLEY_API_KEYS": KEY,
        "PARLEY_STATE_DIR": str(SCRATCH / "state"),
        "PARLEY_GRACEFUL_TIMEOUT": "1",
    }


def relaying(upstream: Server) -> contextlib.AbstractContextManager[Server]:
    """Parley in front of the bench's upstream."""
    settings = relay_settings(upstream)
    return _serve("parley", ["wsgi:app"], settings, model=upstream.model, port_setting="PARLEY_PORT", cwd=ROOT)


def relay(upstream: Server) -> contextlib.AbstractContextManager[Server]:
    """The bare relay in front of the bench's upstream: the yardstick."""
    return _plain("relay", "bench.relay:app", upstream)


def litellm(upstream: Server) -> contextlib.AbstractContextManager[Server]:
    """LiteLLM's proxy in front of the bench's upstream, where its command is installed."""
    SCRATCH.mkdir(exist_ok=True)
    told = {"model": f"openai/{upstream.model}", "api_base": f"http://127.0.0.1:{upstream.port}/v1", "api_key": KEY}
    config = {
        "model_list": [{"model_name": upstream.model, "litellm_params": told}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False},
    }
    (SCRATCH / "litellm.yaml").write_text(json.dumps(config))
    command = ["litellm", "--config", str(SCRATCH / "litellm.yaml"), "--host", "127.0.0.1", "--num_workers", "1"]
    settings = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return _run("litellm", lambda port: [*command, "--port", str(port)], settings, model=upstream.model, cwd=SCRATCH)


def upstream() -> contextlib.AbstractContextManager[Server]:
    """The upstream that answers at once."""
    return _run(
        "upstream",
        lambda port: [sys.executable, "-m", "bench.upstream", str(port)],
        {},
        model="every-0",
        cwd=ROOT,
    )


def _plain(name: str, app: str, behind: Server | None = None) -> contextlib.AbstractContextManager[Server]:
    # Elsewhere than in the root, where gunicorn would find our gunicorn.conf.py.
    options = ["--pythonpath", str(ROOT), "-k", "asgi", "--no-control-socket", "--graceful-timeout", "1"]
    # As Parley: connections outlast the other server's turn.
    options += ["--keep-alive", "75", "--backlog", "2048", app]
    settings = {} if behind is None else {"BENCH_UPSTREAM": f"http://127.0.0.1:{behind.port}/v1"}
    model = "parley-echo" if behind is None else behind.model
    return _serve(name, options, settings, model=model, port_setting=None, cwd=SCRATCH)


def _serve(
    name: str, options: list[str], settings: Mapping[str, str], *, model: str, port_setting: str | None, cwd: Path
) -> contextlib.AbstractContextManager[Server]:
    """gunicorn with one worker; the port is told by a setting, or by an option."""

    def command(port: int) -> list[str]:
        where = ["-b", f"127.0.0.1:{port}"] if port_setting is None else []
        return [sys.executable, "-m", "gunicorn", *where, *options]

    return _run(name, command, settings, model=model, port_setting=port_setting, cwd=cwd)


@contextlib.contextmanager
def _run(
    name: str,
    command: Callable[[int], list[str]],
    settings: Mapping[str, str],
    *,
    model: str,
    port_setting: str | None = None,
    cwd: Path,
) -> Iterator[Server]:
    SCRATCH.mkdir(exist_ok=True)
    port = _free_port()
    environ = environment(settings)
    if port_setting is not None:
        environ[port_setting] = str(port)
    with (SCRATCH / f"{name}.log").open("w") as log:
        begin = time.perf_counter()
        child = subprocess.Popen(command(port), cwd=cwd, env=environ, stdout=log, stderr=log)
        try:
            _wait(child, port, model)
            yield Server(name, child.pid, port, model, time.perf_counter() - begin)
        finally:
            _stop(child)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The surrounding environment with some settings, and without what must not decide what is measured."""
    foreign = ("PARLEY_", "GUNICORN_", "WEB_CONCURRENCY", "PYTHONDONTWRITEBYTECODE")
    return {key: value for key, value in os.environ.items() if not key.startswith(foreign)} | dict(settings)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(child: subprocess.Popen[bytes], port: int, model: str) -> None:
    """Ask until there is an answer with 200.

    Raises:
        RuntimeError: the server ended, or there was none in time.
    """
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})
    last = "nothing answered"
    deadline = time.perf_counter() + _START_SECONDS
    while time.perf_counter() < deadline:
        if child.poll() is not None:
            raise RuntimeError(f"the server ended with {child.returncode}; its log is in {SCRATCH}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", "/v1/chat/completions", body, HEADERS)
            response = connection.getresponse()
            if response.status == 200:
                return
            last = f"{response.status} {response.read()[:300]!r}"
        except OSError as error:
            last = type(error).__name__
        finally:
            connection.close()
        time.sleep(0.005)
    raise RuntimeError(f"no answer with 200 in {_START_SECONDS:g} s, last: {last}; the log is in {SCRATCH}")


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End a server, and by their own ids what it has left behind."""
    members = process.tree(child.pid)
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        child.wait(_STOP_SECONDS)
