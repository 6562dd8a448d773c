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
from collections.abc import Iterator, Mapping
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
    """A running gunicorn. ``started_in`` is the time from the command to the first 200 in seconds."""

    name: str
    pid: int
    port: int
    model: str
    started_in: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"

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


def stock() -> contextlib.AbstractContextManager[Server]:
    """A stock Connexion application on our contract, with a constant answer."""
    return _plain("stock", "bench.stock:app")


def bare() -> contextlib.AbstractContextManager[Server]:
    """A Starlette application with a constant answer: the floor."""
    return _plain("bare", "bench.bare:app")


def _plain(name: str, app: str) -> contextlib.AbstractContextManager[Server]:
    # Elsewhere than in the root, where gunicorn would find our gunicorn.conf.py.
    options = ["--pythonpath", str(ROOT), "-k", "asgi", "--no-control-socket", "--graceful-timeout", "1", app]
    return _serve(name, options, {}, model="parley-echo", port_setting=None, cwd=SCRATCH)


@contextlib.contextmanager
def _serve(
    name: str, options: list[str], settings: Mapping[str, str], *, model: str, port_setting: str | None, cwd: Path
) -> Iterator[Server]:
    SCRATCH.mkdir(exist_ok=True)
    port = _free_port()
    # What is set around the bench must not decide what is measured.
    foreign = ("PARLEY_", "GUNICORN_", "WEB_CONCURRENCY", "PYTHONDONTWRITEBYTECODE")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(foreign)} | dict(settings)
    if port_setting is not None:
        environ[port_setting] = str(port)
    else:
        options = ["-b", f"127.0.0.1:{port}", *options]
    with (SCRATCH / f"{name}.log").open("w") as log:
        begin = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options], cwd=cwd, env=environ, stdout=log, stderr=log
        )
        try:
            _wait(child, port, model)
            yield Server(name, child.pid, port, model, time.perf_counter() - begin)
        finally:
            _stop(child)


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
