"""What a command is at when it takes long: a line on a terminal, gone when there is a result."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds until the line is shown, and between two times that it is written.
_AFTER = 1.0
_EVERY = 0.5
_CLEAR = "\r\x1b[K"


class Progress:
    """Says what is being done, as ``at`` was told last, with the seconds since the beginning."""

    def __init__(self) -> None:
        self._at = ""
        self._begin = time.monotonic()
        self._ended = threading.Event()

    def at(self, text: str) -> None:
        """Tell what begins now."""
        self._at = text

    def run(self) -> None:
        wait = _AFTER
        while not self._ended.wait(wait):
            wait = _EVERY
            sys.stderr.write(f"{_CLEAR}{self._at} ({time.monotonic() - self._begin:.0f} s)")
            sys.stderr.flush()

    def end(self) -> None:
        self._ended.set()


@contextmanager
def progress() -> Iterator[Progress]:
    """Shows the progress of a block on the standard error output, if that is a terminal."""
    shown = Progress()
    if not sys.stderr.isatty():
        yield shown
        return
    thread = threading.Thread(target=shown.run, daemon=True)
    thread.start()
    try:
        yield shown
    finally:
        shown.end()
        thread.join()
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()
