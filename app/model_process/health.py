"""Checks whether a model process has loaded its model, and whether it hangs."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from collections.abc import Callable
from pathlib import Path

# A process hangs after this many consecutive checks without an answer. More than one, because a check that is in
# progress when the machine sleeps is lost.
_MISSED = 3
# The minimum share of a core that a working process uses.
_WORK = 0.01


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("model", timeout=seconds)
        self._path = path
        self._seconds = seconds

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._seconds)
        self.sock.connect(self._path)


def is_loaded(path: str, key: str) -> bool:
    """Return whether the process behind a socket answers that it is ready. Takes at most one second."""
    return _health(path, key, 1.0) == 200


def answers(path: str, key: str, seconds: float) -> bool:
    """Return whether the process behind a socket answers in time, even if it answers that it is still loading."""
    return _health(path, key, seconds) is not None


def _health(path: str, key: str, seconds: float) -> int | None:
    """Return the status code of the process's answer, None if there is no answer in time."""
    with (
        contextlib.suppress(OSError, http.client.HTTPException),
        contextlib.closing(_Connection(path, seconds)) as connection,
    ):
        connection.request("GET", "/health", headers={"authorization": f"Bearer {key}"})
        return connection.getresponse().status
    return None


def computed(pid: int) -> float:
    """Return the CPU time of a process so far, in seconds; 0 if the system does not report it."""
    with contextlib.suppress(OSError):
        # The name may contain spaces and parentheses; user and system time are the 12th and 13th word after it.
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


class Probe:
    """Finds out whether a process hangs: after its first answer, it neither answers nor computes for some time.

    A missing answer alone is not enough: if all its HTTP threads are busy, llama.cpp answers nothing else for minutes.
    The first answer may take any time.
    """

    def __init__(self, patience: float, answers: Callable[[float], bool], computed: Callable[[], float]) -> None:
        """``patience`` is in seconds. ``answers`` gets its timeout in seconds; ``computed`` returns the CPU time of
        the process so far, in seconds."""
        # The timeout of each check, and the pause before it.
        self.seconds = patience / (2 * _MISSED)
        self._answers = answers
        self._computed = computed
        self._last = 0.0
        self._has_answered = False
        self._missed = 0

    def hangs(self) -> bool:
        """Check once, and return whether the process hangs. Call it with a pause of `seconds` before each call."""
        answered = self._answers(self.seconds)
        now = self._computed()
        worked, self._last = now - self._last, now
        self._has_answered |= answered
        if answered or worked >= _WORK * self.seconds:
            self._missed = 0
        else:
            self._missed += 1
        return self._has_answered and self._missed >= _MISSED
