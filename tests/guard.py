"""A test that is not marked ``live`` runs alone: it starts no process, opens no connection and loads no model.

That is watched by an audit hook in every run, so that ``make unit`` (``pytest -m "not live"``) stays what it says: a
test that lacks the mark fails at once, wherever it runs.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

# The audit events of the interpreter that are refused; see https://docs.python.org/3/library/audit_events.html.
_REFUSED = frozenset(
    {
        *("socket.bind", "socket.connect", "socket.sendto", "socket.sendmsg"),
        *("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.spawn", "os.system"),
    }
)

_guarded = False
_done: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _guarded or not (event in _REFUSED or (event == "import" and arguments[0] == "xllamacpp")):
        return
    if event == "socket.bind" and arguments[0].type == socket.SOCK_DGRAM:
        return  # it asks whether an address is one of this machine's
    what = "import of xllamacpp" if event == "import" else event
    _done.append(what)
    # No Exception: the code under test must not take it for a failure of the network.
    pytest.fail(f"{what} in a test that is not marked live")


# It cannot be taken away again, so there is one for the whole run.
sys.addaudithook(_watch)


def _guard(item: pytest.Item | None) -> None:
    global _guarded
    _guarded = item is not None and item.get_closest_marker("live") is None
    _done.clear()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    _guard(item)
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    found = yield
    # The exception may have ended in a thread or a task that nobody asked for its result.
    assert not _done, f"{_done[0]} in a test that is not marked live"
    return found


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Iterator[None]:
    # What fixtures of a wider scope opened for live tests is closed in the teardown of whichever test comes last.
    _guard(None)
    return (yield)
