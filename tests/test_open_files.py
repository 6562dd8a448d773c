"""A server may open as many files as its hard limit allows, and says when that is too few."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from app.open_files import ENOUGH

from .live import ROOT, serve
from .patience import PATIENCE

pytestmark = pytest.mark.live


def raised(soft: int, hard: int) -> tuple[int, str]:
    """The soft limit afterwards, and what was said: in a process of its own, for a hard limit never rises again."""
    code = (
        "import resource\nfrom app.open_files import raise_open_files\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\nsaid = raise_open_files()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], said or '', end='')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    limit, _, said = run.stdout.partition(" ")
    return int(limit), said


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < ENOUGH, reason="the hard limit here is too low")
def test_the_soft_limit_becomes_the_hard_one_without_a_word() -> None:
    assert raised(256, ENOUGH) == (ENOUGH, "")


def test_a_hard_limit_that_is_too_low_is_told_in_one_line_with_the_number_that_is_needed() -> None:
    limit, said = raised(256, 300)
    assert limit == 300
    assert "may open 300 files" in said
    assert str(ENOUGH) in said
    assert "\n" not in said


def test_workers_have_the_raised_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowered = min(512, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowered, hard))  # the server inherits it
    try:
        with serve("echo") as server:
            limits = Path(f"/proc/{server.workers[0]}/limits").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (line,) = (line for line in limits.splitlines() if line.startswith("Max open files"))
    given = int(line.split()[3])
    assert given == min(hard, 1 << 20)
