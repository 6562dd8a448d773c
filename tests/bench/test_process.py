"""What the bench reads from /proc."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from bench import process


@pytest.mark.live
def test_the_tree_of_a_process_has_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            assert process.tree(os.getpid())[0] == os.getpid()
            assert child.pid in process.tree(os.getpid())
        finally:
            child.terminate()


@pytest.mark.live
def test_cpu_time_grows_with_work_and_counts_children_that_have_ended() -> None:
    begin = process.cpu_seconds(os.getpid())
    # Bounded by its own CPU time, so that a busy machine only makes it last longer.
    work = "import time\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    assert process.cpu_seconds(os.getpid()) - begin >= 0.15


def test_memory_and_threads_are_those_of_the_process() -> None:
    end = threading.Event()
    ours = [threading.Thread(target=end.wait) for _ in range(50)]
    for thread in ours:
        thread.start()
    try:
        # Those of other tests come and go.
        assert 50 < process.threads(os.getpid()) < 100
    finally:
        end.set()
        for thread in ours:
            thread.join()
    assert 5 < process.rss_mb(os.getpid()) < 10_000
