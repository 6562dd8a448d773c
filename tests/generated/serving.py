"""Generated servers that run for as long as a test asks them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..patience import PATIENCE, wait_until


@contextlib.contextmanager
def serving(command: Sequence[str], folder: Path, port: int, env: Mapping[str, str]) -> Iterator[None]:
    """Run a server in a folder until the block is left; it is there once something listens on its port of loopback.

    What it says goes to the file ``serving.log`` in the folder.

    Raises:
        AssertionError: it ended, or nobody listened in time; the end of what it said is in the message.
    """
    log = folder / "serving.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )

    def ready() -> bool:
        assert process.poll() is None, f"{' '.join(command)}: it ended with {process.returncode}:\n{_end(log)}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
            return True
        return False

    try:
        wait_until(ready, lambda: f"{' '.join(command)}: nobody listens on {port}:\n{_end(log)}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-6000:]
