"""Keeps the model process alive: ``python -m app.model_process.supervisor`` starts it, and again when it died.

`begin` is the server's side: it starts the supervisor; `Supervision.publish` says, in the environment, where the model
listens. The supervisor is a process of its own and light, since gunicorn's master reaps every child itself
and must not wait.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import importlib.util
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ..errors import ConfigurationError
from .address import IN_FLIGHT_VARIABLE, KEY_VARIABLE, SOCKET_VARIABLE, address_variables
from .child import (
    HTTP_THREADS,
    IGNORED_SIGNALS,
    LIBGOMP_HINT,
    ChildOptions,
    ignore_signals,
    remove_socket,
    say,
    wait_for_end,
)

# Delays before a new start, in seconds; a child that lived long enough starts over at the first.
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 10.0
_LONG_LIFE = 30.0

_SOCKET_NAME = "s.sock"  # by the ending llama.cpp knows that it is no host name
_LONGEST_SOCKET_PATH = 103  # bytes; Linux allows 107, macOS 103


def check() -> None:
    """Check that the model process could be started, without loading llama.cpp into this process.

    Raises:
        ConfigurationError: xllamacpp or the system library it needs is not installed.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise ConfigurationError(
            "The package xllamacpp, which runs the model, is not installed: "
            "pip install --only-binary xllamacpp xllamacpp (it has no wheel for Alpine Linux)."
        )
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libgomp.so.1")
        except OSError:
            raise ConfigurationError(LIBGOMP_HINT) from None


@dataclasses.dataclass(slots=True)
class Supervision:
    """A running supervisor, as seen by the process that launched it.

    The model lives until this process and all processes forked from it have ended or called `close`.
    """

    socket: str
    key: str = dataclasses.field(repr=False)
    pid: int
    life_line: int | None

    def publish(self, number: int = 0) -> None:
        """Put into the environment where the model listens; ``number`` tells the models of a server apart."""
        socket, key = address_variables(number)
        os.environ[socket] = self.socket
        os.environ[key] = self.key

    def close(self, timeout: float = 2.0) -> None:
        """Let go of the life line and wait up to ``timeout`` seconds for the end. May be called again."""
        if self.life_line is None:
            return
        os.close(self.life_line)
        self.life_line = None
        for name in [name for name, value in os.environ.items() if value in (self.socket, self.key)]:
            del os.environ[name]
        deadline = time.monotonic() + timeout
        # Another process, or gunicorn's master, may have reaped it: that too is the end of our waiting.
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(self.pid, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
                time.sleep(0.01)


def publish_share(workers: int) -> None:
    """Say in the environment how many requests each of the workers may hand over to a model at a time."""
    # A few threads are left for the question whether the model is ready.
    os.environ[IN_FLIGHT_VARIABLE] = str(max(1, (HTTP_THREADS - 16) // workers))


def begin(options: ChildOptions) -> Supervision:
    """Start the supervisor and return at once; the model is loaded meanwhile. Nobody is told.

    The life line is inherited by fork and closed by exec.

    Raises:
        ConfigurationError: no folder for the socket, or the process cannot be started.
    """
    socket = os.path.join(_socket_folder(), _SOCKET_NAME)
    key = secrets.token_hex(32)
    read_end, write_end = os.pipe()
    environment = {**os.environ, SOCKET_VARIABLE: socket, KEY_VARIABLE: key, "PYTHONPATH": _python_path()}
    options = dataclasses.replace(options, model=os.path.abspath(options.model))
    command = [sys.executable, "-P", "-m", "app.model_process.supervisor", socket, str(read_end), options.to_json()]
    # Blocked here, blocked there until it ignores them: a Ctrl-C during the start does not hit the
    # supervisor.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED_SIGNALS)
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            pass_fds=(read_end,),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        os.close(write_end)
        remove_socket(socket)
        raise ConfigurationError(f"The model's supervisor cannot be started: {error}.") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(read_end)
    # Reaped by gunicorn's master or by `close`: tell Popen that nobody waits through it.
    process.returncode = 0
    return Supervision(socket=socket, key=key, pid=process.pid, life_line=write_end)


def _socket_folder() -> str:
    """Make a fresh folder for this user alone, near enough to the root for a socket path."""
    for parent in (None, "/tmp"):
        try:
            folder = tempfile.mkdtemp(prefix="parley-", dir=parent)
        except OSError as error:
            if parent is None:
                continue
            raise ConfigurationError(
                f"No folder can be made for the model's socket ({error}): set TMPDIR to a writable folder."
            ) from None
        if len(os.fsencode(os.path.join(folder, _SOCKET_NAME))) <= _LONGEST_SOCKET_PATH:
            return folder
        os.rmdir(folder)
    raise ConfigurationError("TMPDIR is too long for a socket path: set it to a shorter folder.")


def _python_path() -> str:
    """The module path of the processes to come: first the folder that holds ``app``."""
    here = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    return os.pathsep.join([here, inherited] if inherited else [here])


class Supervisor:
    """Starts the model process, waits for its end, starts it again; until the life line ends."""

    def __init__(self, socket: str, life_line: int, options: str) -> None:
        self._socket = socket
        self._life_line = life_line
        self._command = [sys.executable, "-P", "-m", "app.model_process.child", socket, str(life_line), options]
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Return when the life line has ended, the child is dead and its folder gone."""
        threading.Thread(target=self._watch_life_line, daemon=True).start()
        delay = _FIRST_DELAY
        while not self._over.is_set():
            born = time.monotonic()
            ending = self._run_child()
            if self._over.is_set():
                break
            if time.monotonic() - born >= _LONG_LIFE:
                delay = _FIRST_DELAY
            say(f"the model process {ending}; it is started again in {delay:g} s.")
            self._over.wait(delay)
            delay = min(2 * delay, _LONGEST_DELAY)
        remove_socket(self._socket)

    def _run_child(self) -> str:
        """Run the child to its end, and say how it ended."""
        try:
            with self._lock:
                if self._over.is_set():
                    return "was not needed"
                child = subprocess.Popen(self._command, pass_fds=(self._life_line,), stdin=subprocess.DEVNULL)
                self._child = child
        except OSError as error:
            return f"could not be started ({error})"
        status = child.wait()
        return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"

    def _watch_life_line(self) -> None:
        wait_for_end(self._life_line)
        with self._lock:
            self._over.set()
            if self._child is not None:
                self._child.kill()


def main(arguments: list[str]) -> None:
    """Supervise until the life line ends. Arguments: socket path, life line's descriptor, options as JSON."""
    ignore_signals()
    socket, life_line, options = arguments
    Supervisor(socket, int(life_line), options).run()


if __name__ == "__main__":
    main(sys.argv[1:])
