"""Keeps the model process alive: ``python -m app.model_process.supervisor`` starts it, and restarts it when it dies or
hangs.

`begin` is the server's side: it starts the supervisor; `Supervision.publish` writes the model's address to the
environment. The supervisor is a separate, light process, because gunicorn's master reaps every child itself and must
not wait.
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
import threading
import time
from functools import partial

from ..errors import ConfigurationError
from .address import IN_FLIGHT_VARIABLE, KEY_LENGTH, address_variables, new_socket, remove_socket
from .child import (
    HTTP_THREADS,
    IGNORED_SIGNALS,
    LIBGOMP_HINT,
    ChildOptions,
    ignore_signals,
    read_key,
    say,
    wait_for_end,
)
from .environment import needed
from .health import Probe, answers, computed

# Delays before a restart, in seconds. After a child that lived long enough, the delay is reset to the first.
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 10.0
_LONG_LIFE = 30.0

# Minimum seconds between two starts of a supervisor.
_PAUSE = 1.0


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
    """A supervisor, as seen by the process that launched it: running, or to be restarted by `revive`.

    The model lives until this process and all processes forked from it have ended or called `close`. They all hold the
    life line. It outlives a supervisor, and so do the socket path and the key, so no process needs to know about a
    restart.
    """

    options: ChildOptions
    probe: float
    socket: str
    key: str = dataclasses.field(repr=False)
    # Both ends of the pipe: the reading end is for later supervisors.
    life_line: tuple[int, int] | None
    # The reading end of a pipe whose other end only the supervisor holds: end of file means that it has ended.
    sign: int
    pid: int = 0
    _begun: float = 0.0

    def publish(self, number: int = 0) -> None:
        """Write the model's address to the environment; ``number`` identifies the model among those of the server."""
        socket, key = address_variables(number)
        os.environ[socket] = self.socket
        os.environ[key] = self.key

    def is_running(self) -> bool:
        """Return whether the supervisor runs. Its process id is not used: another process could have it by now."""
        with contextlib.suppress(BlockingIOError):
            return os.read(self.sign, 1) != b""
        return True

    def revive(self) -> bool:
        """Restart the supervisor if it has ended, at most once a second. Return whether it was restarted.

        Raises:
            ConfigurationError: it cannot be started.
        """
        if self.is_running() or time.monotonic() - self._begun < _PAUSE or self.life_line is None:
            return False
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        self._start()
        return True

    def close(self, timeout: float = 2.0) -> None:
        """Release the life line and wait up to ``timeout`` seconds for the supervisor's end. May be called again."""
        if self.life_line is None:
            return
        for end in self.life_line:
            os.close(end)
        self.life_line = None
        for name in [name for name, value in os.environ.items() if value in (self.socket, self.key)]:
            del os.environ[name]
        deadline = time.monotonic() + timeout
        # Another process, or gunicorn's master, may have reaped it: then the wait is over, too.
        with contextlib.suppress(ChildProcessError):
            while self.pid and os.waitpid(self.pid, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
                time.sleep(0.01)
        if not self.is_running():
            remove_socket(self.socket)
        os.close(self.sign)

    def _start(self) -> None:
        """Start the supervisor. The life line is inherited by fork and closed by exec.

        Raises:
            ConfigurationError: the process cannot be started.
        """
        assert self.life_line is not None
        self._begun = time.monotonic()
        read_end, write_end = self.life_line
        sign, held = os.pipe()
        os.set_blocking(sign, False)
        command = [sys.executable, "-P", "-m", "app.model_process.supervisor"]
        command += [self.socket, str(read_end), f"{self.probe:g}", self.options.to_json()]
        # The supervisor inherits the blocked signals until it ignores them, so a Ctrl-C during the start does not
        # end it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED_SIGNALS)
        try:
            process = subprocess.Popen(
                command,
                env=needed(os.environ),
                pass_fds=(read_end, held),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            os.close(sign)
            raise ConfigurationError(f"The model's supervisor cannot be started: {error}.") from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(held)
        # gunicorn's master or `close` reaps the process, so Popen must not wait for it.
        process.returncode = 0
        # If the pipe is full, it holds keys that earlier supervisors did not read before they ended.
        with contextlib.suppress(BlockingIOError):
            os.write(write_end, self.key.encode())
        os.close(self.sign)
        self.sign, self.pid = sign, process.pid


def publish_share(workers: int) -> None:
    """Write to the environment how many requests each of the workers may send to a model at a time."""
    # A few threads are reserved for health checks.
    os.environ[IN_FLIGHT_VARIABLE] = str(max(1, (HTTP_THREADS - 16) // workers))


def begin(options: ChildOptions, probe: float = 0.0) -> Supervision:
    """Start the supervisor and return at once; the model is loaded in the background. The address is not published.

    A model process that neither answers nor computes for ``probe`` seconds is restarted; 0: never.

    Raises:
        ConfigurationError: there is no folder for the socket, or the process cannot be started.
    """
    socket = new_socket()
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    options = dataclasses.replace(options, model=os.path.abspath(options.model))
    running = Supervision(
        options=options,
        probe=probe,
        socket=socket,
        key=secrets.token_hex(KEY_LENGTH // 2),
        life_line=(read_end, write_end),
        sign=os.open(os.devnull, os.O_RDONLY),  # at end of file, as if a supervisor had ended
    )
    try:
        running._start()
    except ConfigurationError:
        running.close(timeout=0)
        raise
    return running


class Supervisor:
    """Starts the model process, waits for its end and restarts it, until the life line ends."""

    def __init__(self, socket: str, life_line: int, probe: float, options: str) -> None:
        self._socket = socket
        self._life_line = life_line
        self._seconds = probe
        self._options = options
        self._key = read_key(life_line)
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Run until the life line has ended, the child is dead and its folder is removed."""
        threading.Thread(target=self._watch_life_line, daemon=True).start()
        delay = _FIRST_DELAY
        while not self._over.is_set():
            born = time.monotonic()
            ending = self._run_child()
            if self._over.is_set():
                break
            if time.monotonic() - born >= _LONG_LIFE:
                delay = _FIRST_DELAY
            say(f"the model process {ending}; it will be restarted in {delay:g} s.")
            self._over.wait(delay)
            delay = min(2 * delay, _LONGEST_DELAY)
        remove_socket(self._socket)

    def _run_child(self) -> str:
        """Run the child to its end, and return how it ended."""
        child_end, own_end = os.pipe()
        try:
            with self._lock:
                if self._over.is_set():
                    return "was not needed"
                # The child ends with the thread that starts it. This one lives as long as the process.
                command = [sys.executable, "-P", "-m", "app.model_process.child"]
                command += [self._socket, str(child_end), self._options]
                child = subprocess.Popen(command, pass_fds=(child_end,), stdin=subprocess.DEVNULL)
                self._child = child
            os.write(own_end, self._key.encode())
            return self._wait(child)
        except OSError as error:
            return f"could not be started ({error})"
        finally:
            os.close(child_end)
            os.close(own_end)

    def _wait(self, child: subprocess.Popen[bytes]) -> str:
        ended = threading.Event()
        hung = threading.Event()
        if self._seconds:
            threading.Thread(target=self._watch_child, args=(child, ended, hung), daemon=True).start()
        status = child.wait()
        ended.set()
        if hung.is_set():
            return f"neither answered nor computed for {self._seconds:g} s and was killed"
        return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"

    def _watch_child(self, child: subprocess.Popen[bytes], ended: threading.Event, hung: threading.Event) -> None:
        """Kill the child once it hangs."""
        probe = Probe(self._seconds, partial(answers, self._socket, self._key), partial(computed, child.pid))
        while not ended.wait(probe.seconds):
            if probe.hangs():
                hung.set()
                child.kill()
                return

    def _watch_life_line(self) -> None:
        wait_for_end(self._life_line)
        with self._lock:
            self._over.set()
            if self._child is not None:
                self._child.kill()


def main(arguments: list[str]) -> None:
    """Supervise until the life line ends. Arguments: socket path, life line's descriptor, seconds for the probe,
    options as JSON."""
    ignore_signals()
    socket, life_line, probe, options = arguments
    Supervisor(socket, int(life_line), float(probe), options).run()


if __name__ == "__main__":
    main(sys.argv[1:])
