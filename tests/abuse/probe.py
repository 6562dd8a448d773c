"""Another client: asks for ``/livez`` each 20 ms on a connection that it keeps, in a process of its own.

    python -m tests.abuse.probe PORT

A line on its stdin asks for the longest gap since the last one: the seconds between two answers, less the pause,
written as a line to its stdout once the next answer is there.
"""

from __future__ import annotations

import http.client
import select
import subprocess
import sys
import time

from ..live import ROOT

PAUSE = 0.02
# An answer that takes longer counts as none; the gap goes on until one comes.
_ANSWER = 120.0


class Probe:
    """The process, as a context manager."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-m", f"{__package__}.probe", str(port)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Probe:
        self.longest_gap()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def longest_gap(self) -> float:
        """The longest time without an answer, in seconds, since the last call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        return float(self._process.stdout.readline())


def _run(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER)
    longest, answered = 0.0, time.monotonic()
    while True:
        if select.select([sys.stdin], [], [], PAUSE)[0]:
            if not sys.stdin.readline():
                return
            if _answers(connection):
                longest = max(longest, time.monotonic() - answered - PAUSE)
                answered = time.monotonic()
                print(max(0.0, longest), flush=True)
                longest = 0.0
                continue
            print(time.monotonic() - answered, flush=True)
        elif _answers(connection):
            longest = max(longest, time.monotonic() - answered - PAUSE)
            answered = time.monotonic()


def _answers(connection: http.client.HTTPConnection) -> bool:
    try:
        connection.request("GET", "/livez")
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return False
    return response.status == 200


if __name__ == "__main__":
    _run(int(sys.argv[1]))
