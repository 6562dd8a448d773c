"""Starts a server in a process group of its own, sees when it is ready, and ends all of it."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .environments import OFFLINE, Unavailable
from .live import ROOT

_GRACE = 10.0
_PAUSE = 0.1
_TOLD = 300  # characters of a server's last words


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, port: int, ready: str, seconds: float, env: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A server that answers GET ``ready`` with 200 on a port of loopback, gone with all its processes when the block is
    left.

    Raises:
        Unavailable: it ends, or does not answer within so many ``seconds``.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environ, **OFFLINE, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + seconds
        while not _answers(port, ready):
            if process.poll() is not None:
                raise Unavailable(f"it ended with status {process.returncode}: {_last_words(log)}")
            if time.monotonic() > deadline:
                raise Unavailable(f"it was not ready in {seconds:g} s: {_last_words(log)}")
            time.sleep(_PAUSE)
        yield
    finally:
        _end(process)


def _answers(port: int, path: str) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status == 200
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all of its group, which may outlive it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if "Error" in line] or lines
    return (told or ["it said nothing"])[-1][-_TOLD:]
