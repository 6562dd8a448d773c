"""Ids do not repeat: neither among threads nor among processes."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.random_ids import random_id

# A parent and its child print the ids that each of them gets after the fork.
_FORKS = """
import os
from app.random_ids import random_id
first = random_id()
child = os.fork()
ids = [first] if child else []
ids += [random_id() for _ in range(300)]
if child:
    os.waitpid(child, 0)
print("\\n".join(ids), flush=True)
"""


def test_an_id_is_32_hexadecimal_digits_and_no_two_are_equal() -> None:
    ids = [random_id() for _ in range(1000)]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
    assert len(set(ids)) == 1000


def test_threads_get_different_ids() -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = [each for found in threads.map(lambda _: [random_id() for _ in range(500)], range(16)) for each in found]
    assert len(set(ids)) == len(ids) == 8000


@pytest.mark.live
def test_a_forked_process_gets_other_ids_than_its_parent() -> None:
    root = Path(__file__).parents[1]
    ids = subprocess.run(
        [sys.executable, "-c", _FORKS], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(set(ids)) == len(ids) == 601
