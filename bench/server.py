"""Starts the servers that are measured, on free ports of loopback, and ends them by their process ids."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import process

ROOT = Path(__file__).parent.parent
SCRATCH = ROOT / ".bench"
# LiteLLM wants keys that begin so.
KEY = "sk-bench-0123456789abcdef"
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

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
    def log(self) -> Path:
        """The file with its output."""
        return _log_of(self.name)

    @property
    def worker(self) -> int:
        """The process id of the one worker: of gunicorn's master the only child (with the ``echo`` engine and before an
        upstream there is no other), of a server without a master itself."""
        return process.tree(self.pid)[-1]


@contextlib.contextmanager
def run(
    name: str,
    command: Callable[[int], list[str]],
    settings: Mapping[str, str],
    *,
    model: str,
    port_setting: str | None = None,
    cwd: Path,
    start_seconds: float = 60.0,
) -> Iterator[Server]:
    """A server that is started by a command made from its port, and ended afterwards.

    ``settings`` are variables of its environment; ``port_setting`` names the one that tells the port, if the command
    does not. Its output is in a file in `SCRATCH`.

    Raises:
        RuntimeError: it ended, or did not answer with 200 within ``start_seconds``.
    """
    SCRATCH.mkdir(exist_ok=True)
    port = _free_port()
    environ = environment(settings)
    if port_setting is not None:
        environ[port_setting] = str(port)
    with _log_of(name).open("w") as log:
        begin = time.perf_counter()
        child = subprocess.Popen(command(port), cwd=cwd, env=environ, stdout=log, stderr=log)
        try:
            _wait(child, port, model, start_seconds)
            yield Server(name, child.pid, port, model, time.perf_counter() - begin)
        finally:
            _stop(child)


def _log_of(name: str) -> Path:
    return SCRATCH / f"{name}.log"


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The surrounding environment with some settings, and without what must not decide what is measured."""
    foreign = ("PARLEY_", "GUNICORN_", "WEB_CONCURRENCY", "PYTHONDONTWRITEBYTECODE")
    return {key: value for key, value in os.environ.items() if not key.startswith(foreign)} | dict(settings)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(child: subprocess.Popen[bytes], port: int, model: str, seconds: float) -> None:
    """Ask until there is an answer with 200.

    Raises:
        RuntimeError: the server ended, or there was none in time.
    """
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})
    last = "nothing answered"
    deadline = time.perf_counter() + seconds
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
    raise RuntimeError(f"no answer with 200 in {seconds:g} s, last: {last}; the log is in {SCRATCH}")


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
