"""Reads CPU time, memory and threads of processes from /proc: Linux, and nothing to install."""

from __future__ import annotations

import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` from the third on; the name before them may hold spaces and brackets.

    Raises:
        OSError: the process has gone.
    """
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(pid: int) -> list[int]:
    """A process and all that descend from it, the process first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except OSError:
                continue  # ended while we looked
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process tree in seconds, with what children that have ended took."""
    spent = 0.0
    for member in tree(pid):
        try:
            # To the nanosecond, where /proc has ticks; the number is what clock_getcpuclockid(3) makes of a process id.
            spent += time.clock_gettime(~member << 3 | 2)
            spent += sum(int(field) for field in _stat(member)[13:15]) / _TICKS
        except OSError:
            continue
    return spent


def rss_mb(pid: int) -> float:
    """Resident memory of one process in megabytes (10^6 bytes)."""
    return int(_stat(pid)[21]) * _PAGE / 1e6


def tree_rss_mb(pid: int) -> float:
    """Resident memory of a process tree in megabytes (10^6 bytes); what processes share is counted for each."""
    return sum(rss_mb(member) for member in tree(pid))


def pss_mb(pid: int) -> float:
    """Memory of a process tree in megabytes (10^6 bytes); what several processes share is theirs in equal parts."""
    kilobytes = 0
    for member in tree(pid):
        lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes * 1024 / 1e6


def threads(pid: int) -> int:
    """Number of threads of one process."""
    return int(_stat(pid)[17])
