"""Whether a model process has loaded its model, and whether it hangs."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from collections.abc import Callable
from pathlib import Path

# Questions without an answer, one after the other, that make a process hang. More than one: after the machine itself
# has slept, the one that was under way is lost.
_MISSED = 3
# The share of a core that a process takes at least while it works.
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
    """Whether the process behind a socket answers that it is ready, found out within a second."""
    return _health(path, key, 1.0) == 200


def answers(path: str, key: str, seconds: float) -> bool:
    """Whether the process behind a socket answers in time, were it that it loads."""
    return _health(path, key, seconds) is not None


def _health(path: str, key: str, seconds: float) -> int | None:
    """The status that the process answers with, None for no answer in time."""
    with (
        contextlib.suppress(OSError, http.client.HTTPException),
        contextlib.closing(_Connection(path, seconds)) as connection,
    ):
        connection.request("GET", "/health", headers={"authorization": f"Bearer {key}"})
        return connection.getresponse().status
    return None


def computed(pid: int) -> float:
    """Seconds that a process has computed so far; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        # The name may hold blanks and brackets; user and system time follow it as the 12th and 13th word.
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


class Probe:
    """Finds out whether a process hangs: after its first answer, it neither answers nor computes for so long.

    Not answering is not enough: with all its HTTP threads at work llama.cpp answers nothing else for minutes. Until the
    first answer it may take any time.
    """

    def __init__(self, patience: float, answers: Callable[[float], bool], computed: Callable[[], float]) -> None:
        """``patience`` is in seconds. ``answers`` is given the seconds in which to find it out, ``computed`` gives the
        seconds that the process has computed so far."""
        # So long are the question and the pause before it.
        self.seconds = patience / (2 * _MISSED)
        self._answers = answers
        self._computed = computed
        self._last = 0.0
        self._has_answered = False
        self._missed = 0

    def hangs(self) -> bool:
        """Ask once. To be called with a pause of `seconds` before each call."""
        answered = self._answers(self.seconds)
        now = self._computed()
        worked, self._last = now - self._last, now
        self._has_answered |= answered
        if answered or worked >= _WORK * self.seconds:
            self._missed = 0
        else:
            self._missed += 1
        return self._has_answered and self._missed >= _MISSED
