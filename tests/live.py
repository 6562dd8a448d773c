"""Real servers for the tests: ``gunicorn wsgi:app`` from the root of the repository, on a free port of loopback.

    with serve("echo") as server:
        answer = server.request("GET", "/v1/models", headers=server.bearer)

``echo`` is a server without a model, ``llama`` one with the bundled model, ready to answer.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from typing import Any, Literal

from bench.process import cpu_seconds

from .patience import PATIENCE, wait_until

ROOT = Path(__file__).parents[1]
KEY = "sk-test-0123456789"

_GRACEFUL_SECONDS = 3
# By these too gunicorn's settings would leak in from the surroundings.
_FOREIGN = ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "PORT")


class StartError(Exception):
    """The server did not start. ``status`` is its exit status, None if it was still running; ``log`` what it said."""

    def __init__(self, reason: str, status: int | None, log: str) -> None:
        super().__init__(f"{reason}. It said:\n{log}")
        self.status = status
        self.log = log


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whole. Names of headers are matched in any case."""

    status: int
    headers: HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A running server.

    ``url`` has no path, ``base`` ends in ``/v1``; ``key`` opens it. ``process`` is gunicorn's master.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, key: str, log_file: Path) -> None:
        self.process = process
        self.port = port
        self.key = key
        self.url = f"http://127.0.0.1:{port}"
        self.base = f"{self.url}/v1"
        self._log_file = log_file

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def bearer(self) -> dict[str, str]:
        """The header that carries the key."""
        return {"authorization": f"Bearer {self.key}"}

    @property
    def workers(self) -> list[int]:
        """The process ids of gunicorn's workers; Linux only."""
        found = []
        for pid in children(self.pid):
            with contextlib.suppress(OSError):
                if b"app.model_process.supervisor" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    @property
    def cpu_seconds(self) -> float:
        """The CPU time of the server and its workers so far, which others on the machine do not change."""
        return cpu_seconds(self.pid)

    def log(self) -> str:
        """What the server has written to stdout and stderr so far."""
        return self._log_file.read_text(errors="replace")

    def log_line(self, text: str) -> str:
        """The first whole line of the log with a text in it. A request's is written once its answer is out, so it is
        waited for.

        Raises:
            AssertionError: there is none in time.
        """
        wait_until(lambda: self._lines(text), f"no line with {text!r} in the log")
        return self._lines(text)[0]

    def _lines(self, text: str) -> list[str]:
        lines = self.log().splitlines(keepends=True)
        return [line.removesuffix("\n") for line in lines if text in line and line.endswith("\n")]

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> Answer:
        """Send one request on a connection of its own, and follow no redirect.

        ``path`` is below `url`. A body that is neither bytes nor str is sent as JSON. ``timeout``, in seconds, is for
        each piece of the answer.
        """
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes | str):
            body = json.dumps(body)
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body.encode() if isinstance(body, str) else body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.msg, response.read())


@contextlib.contextmanager
def serve(
    engine: Literal["echo", "llama"] = "echo",
    env: Mapping[str, str | None] | None = None,
    args: Sequence[str] = (),
) -> Iterator[Server]:
    """A server of one's own, gone when the block is left.

    ``env`` is laid over its environment, None removes a variable; of the surrounding one no ``PARLEY_*`` gets in.
    Without PARLEY_API_KEYS among them its only key is `KEY`; where that is removed, the generated one. ``args`` are
    gunicorn's.

    Raises:
        StartError: it ended before it answered, or did not answer in time.
    """
    with tempfile.TemporaryDirectory(prefix="parley-test-", ignore_cleanup_errors=True) as folder:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
        asked = (env or {}).get("PARLEY_PORT") or ""
        port = int(asked) if asked.isdecimal() else free_port()
        own: dict[str, str | None] = {
            **dict.fromkeys(_FOREIGN),
            "PARLEY_PORT": str(port),
            "PARLEY_ENGINE": engine,
            "PARLEY_STATE_DIR": str(Path(folder, "state")),
            "PARLEY_API_KEYS": KEY,
            "PARLEY_GRACEFUL_TIMEOUT": str(_GRACEFUL_SECONDS),
        }
        for name, value in {**own, **(env or {})}.items():
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value
        log_file = Path(folder, "log")
        command = [sys.executable, "-m", "gunicorn", *args, "wsgi:app"]
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        server = Server(process, port, "", log_file)
        try:
            _wait(server, "/livez")
            if engine == "llama":
                _wait(server, "/healthz")
            server.key = _key(environ)
            yield server
        finally:
            stop(server)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _key(environ: Mapping[str, str]) -> str:
    """The first key that opens a server with this environment."""
    keys = environ.get("PARLEY_API_KEYS", "")
    if not keys:
        file = environ.get("PARLEY_API_KEYS_FILE") or Path(environ["PARLEY_STATE_DIR"], "api-key")
        keys = next(line for line in Path(file).read_text().splitlines() if line.strip() and not line.startswith("#"))
    return keys.split(",")[0].strip()


def _wait(server: Server, path: str) -> None:
    """Wait until a page answers 200."""

    def answers() -> bool:
        status = server.process.poll()
        if status is not None:
            raise StartError(f"The server ended with status {status}", status, server.log())
        with contextlib.suppress(OSError, http.client.HTTPException):
            return server.request("GET", path, timeout=5.0).status == 200
        return False

    try:
        wait_until(answers)
    except AssertionError:
        raise StartError(f"The server did not answer {path} in {PATIENCE:g} s", None, server.log()) from None


def stop(server: Server) -> None:
    """End a server, unless it has ended; its log stays until its block is left."""
    if server.process.poll() is not None:
        return
    workers = server.workers
    server.process.send_signal(signal.SIGTERM)
    try:
        server.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        # The model ends by itself when the last of these is gone.
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.process.kill()
        server.process.wait()


def children(pid: int) -> list[int]:
    """The running children of a process."""
    found = []
    with contextlib.suppress(OSError):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                    if int(parent) == pid and state not in "ZX":
                        found.append(int(entry.name))
    return sorted(found)
