"""The environment of the model process: threads that wait for each other soon sleep."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.model_process.environment import needed

SPINS = "GOMP_SPINCOUNT"


def test_threads_that_wait_spin_only_for_a_short_time() -> None:
    assert 0 < int(needed({})[SPINS]) <= 10_000
    assert SPINS in needed({"OMP_NUM_THREADS": "2"})


@pytest.mark.parametrize("told", [{SPINS: "7"}, {"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "passive"}], ids=str)
def test_what_is_said_of_waiting_is_left_as_it_is(told: dict[str, str]) -> None:
    kept = needed({**told, "PATH": "/bin"})
    assert {name: value for name, value in kept.items() if name in (SPINS, "OMP_WAIT_POLICY")} == told


def test_the_module_path_begins_with_the_folder_of_the_application() -> None:
    (here,) = needed({})["PYTHONPATH"].split(os.pathsep)
    assert Path(here, "app", "model_process", "environment.py").is_file()
    assert needed({"PYTHONPATH": "/theirs"})["PYTHONPATH"] == os.pathsep.join([here, "/theirs"])


def test_what_is_given_stays_as_it_is() -> None:
    given = {"PATH": "/bin", "OTHER": "x"}
    assert "OTHER" not in needed(given)
    assert given == {"PATH": "/bin", "OTHER": "x"}
