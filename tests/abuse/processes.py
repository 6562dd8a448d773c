"""What the processes of a server take, by ``/proc``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..live import Server

_TICK = 1 / os.sysconf("SC_CLK_TCK")


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
        ticks = 0
        for pid in self.workers:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks * _TICK

    def held(self) -> Held:
        """What is held now."""
        return Held(
            sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.workers),
            sum(_status(pid, "Threads") for pid in self.workers),
            sum(_status(pid, "VmRSS") for pid in self._tree()) / 1024,
        )

    def forget_peak(self) -> None:
        """Let the peak be found from here on."""
        for pid in self._tree():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        """The most memory of all processes of the server, each at its own peak, in MiB."""
        return sum(_status(pid, "VmHWM") for pid in self._tree()) / 1024

    def _tree(self) -> Sequence[int]:
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        tree = [self._master]
        for pid in tree:  # it grows meanwhile
            tree += [child for child, parent in parents.items() if parent == pid]
        return tree


def _status(pid: int, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 0
