"""Schemathesis, with all its phases and checks, finds nothing on a live server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..live import Server
from ..patience import PATIENCE

pytestmark = pytest.mark.live

HERE = Path(__file__).parent


def test_no_request_made_from_the_contract_or_against_it_finds_a_fault(echo_server: Server, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"),
        "run", f"{echo_server.base}/openapi.json",
        "--header", f"Authorization: Bearer {echo_server.key}",
        "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--mode", "all",
        "--max-examples", "15", "--max-time", "25", "--seed", "1", "--no-color", "--no-shrink",
    ]  # fmt: skip
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(HERE.parents[1])}
    run = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=2 * PATIENCE, cwd=tmp_path)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert "Test cases:" in run.stdout
