"""What the processes of a server take, by ``/proc``."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from bench.process import cpu_seconds, tree

from ..live import Server


@dataclass(frozen=True, slots=True)
class Held:
    """What the workers hold, memory (of all processes of the server) in MiB."""

    descriptors: int
    threads: int
    memory: float

    def __sub__(self, other: Held) -> Held:
        return Held(self.descriptors - other.descriptors, self.threads - other.threads, self.memory - other.memory)


class Processes:
    """A server's."""

    def __init__(self, server: Server) -> None:
        self._master = server.pid
        self.workers = server.workers

    def cpu(self) -> float:
        """Seconds of CPU time that the workers have taken so far."""
        return sum(map(cpu_seconds, self.workers))

    def held(self) -> Held:
        """What is held now."""
        return Held(
            sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.workers),
            sum(_status(pid, "Threads") for pid in self.workers),
            self._memory("VmRSS"),
        )

    def forget_peak(self) -> None:
        """Let the peak be found from here on."""
        for pid in tree(self._master):
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        """The most memory of all processes of the server, each at its own peak, in MiB."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> float:
        return sum(_status(pid, name) for pid in tree(self._master)) / 1024


def _status(pid: int, name: str) -> int:
    """A number of ``/proc/<pid>/status``, 0 of a process that has gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 0
