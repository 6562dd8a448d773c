"""Schemathesis finds nothing on the operators' API either."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.admin.keys import create_key

from ..live import free_port, serve
from ..patience import PATIENCE

pytestmark = [pytest.mark.live, pytest.mark.long]

HERE = Path(__file__).parent


def test_no_request_made_from_the_operators_contract_or_against_it_finds_a_fault(tmp_path: Path) -> None:
    port = free_port()
    key = create_key(tmp_path / "keys", "olivia")
    env = {
        "PARLEY_DATABASE": f"sqlite:///{tmp_path}/test.sqlite3",
        "PARLEY_ADMIN_BIND": f"127.0.0.1:{port}",
        "PARLEY_ADMIN_KEYS_FILE": str(tmp_path / "keys"),
    }
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "admin.toml"),
        "run", f"http://127.0.0.1:{port}/admin/v1/openapi.json",
        "--header", f"Authorization: Bearer {key}",
        "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--mode", "all",
        "--max-examples", "15", "--max-time", "25", "--seed", "1", "--no-color", "--no-shrink",
    ]  # fmt: skip
    with serve("echo", env):
        environ = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(HERE.parents[1])}
        run = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=2 * PATIENCE, cwd=tmp_path)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert "Test cases:" in run.stdout
