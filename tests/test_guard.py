"""What a test that is not marked ``live`` does is watched."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

WATCHED = """
import os, socket, subprocess, sys, threading
import pytest

def connect():
    with socket.socket() as tried:
        tried.settimeout(0.001)
        try:
            tried.connect(("127.0.0.1", 9))
        except OSError:
            pass

def test_that_opens_a_connection():
    connect()

def test_that_does_so_in_a_thread():
    thread = threading.Thread(target=connect)
    thread.start()
    thread.join()

def test_that_listens():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))

def test_that_starts_a_process():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_that_forks():
    os._exit(0) if os.fork() == 0 else os.wait()

@pytest.fixture
def process():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_whose_fixture_starts_a_process(process):
    pass

@pytest.mark.live
def test_that_may(process):
    connect()

def test_that_needs_nothing():
    a, b = socket.socketpair()
    a.close(), b.close()
"""


@pytest.mark.filterwarnings("ignore")
def test_without_the_mark_it_may_start_no_process_and_open_no_connection(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WATCHED)
    result = pytester.runpytest_inprocess("-p", "tests.guard", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=5, errors=1)
    result.stdout.fnmatch_lines(["*in a test that is not marked live*"])
