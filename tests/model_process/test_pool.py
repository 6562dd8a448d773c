"""What the pool starts, keeps, publishes and lets go of: what it launches here only notes what is done with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from app.errors import ConfigurationError
from app.model_process import pool as module
from app.model_process.address import IN_FLIGHT_VARIABLE, address_from_environment
from app.model_process.child import ChildOptions
from app.model_process.pool import Launch, ProcessPool
from app.model_process.supervisor import Supervision


class Noted(Supervision):
    """A supervision of nothing. ``closed`` are the seconds that its end was waited for, None while it runs; ``ends``
    are those that are to come by themselves, each with or without an error when it is started again."""

    __slots__ = ("closed", "ends")

    def __init__(self, number: int, options: ChildOptions, probe: float) -> None:
        super().__init__(options, probe, f"/socket-{number}", f"key-{number}", life_line=None, sign=-1)
        self.closed: float | None = None
        self.ends: list[ConfigurationError | None] = []

    def revive(self) -> bool:
        if not self.ends:
            return False
        error = self.ends.pop(0)
        if error is not None:
            raise error
        return True

    def close(self, timeout: float = 2.0) -> None:
        self.closed = timeout


@dataclass
class World:
    """``begun`` was launched so far; ``loads`` tells of a socket how often it is asked until its model is loaded."""

    begun: list[Noted] = field(default_factory=list)
    loads: dict[str, int] = field(default_factory=dict)
    checks: int = 0

    def begin(self, options: ChildOptions, probe: float) -> Supervision:
        if options.model == "refused":
            raise ConfigurationError("It cannot be started.")
        self.begun.append(Noted(len(self.begun), options, probe))
        return self.begun[-1]

    def is_loaded(self, socket: str, key: str) -> bool:
        assert key == socket.replace("/socket", "key")
        self.loads[socket] = self.loads.get(socket, 0) - 1
        return self.loads[socket] < 0

    def check(self) -> None:
        self.checks += 1


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World()
    kept = {name: value for name, value in os.environ.items() if "_CHILD_" in name}
    for name in kept:
        del os.environ[name]
    monkeypatch.setattr(module, "begin", made.begin)
    monkeypatch.setattr(module, "is_loaded", made.is_loaded)
    monkeypatch.setattr(module, "check", made.check)
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    yield made
    for name in [name for name in os.environ if "_CHILD_" in name]:
        del os.environ[name]
    os.environ.update(kept)


def model(name: str, fingerprint: str = "1") -> Launch:
    return Launch(ChildOptions(model=name, context_length=64), fingerprint)


def published() -> list[str]:
    """The sockets that a worker would find, in their order."""
    found: list[str] = []
    while True:
        try:
            socket, key = address_from_environment(len(found))
        except ConfigurationError:
            return found
        assert key == socket.replace("/socket", "key")
        found.append(socket)


def test_what_is_wanted_is_started_once_and_published_in_its_order(world: World) -> None:
    pool = ProcessPool()
    pool.launch([model("a"), model("b")], workers=4)
    assert [each.options.model for each in world.begun] == ["a", "b"]
    assert published() == ["/socket-0", "/socket-1"]
    assert pool.launched == (model("a"), model("b"))
    assert int(os.environ[IN_FLIGHT_VARIABLE]) >= 1


def test_more_workers_share_what_a_process_takes_at_a_time(world: World) -> None:
    pool = ProcessPool()
    shares = []
    for workers in (1, 2, 10_000):
        pool.launch([model("a")], workers=workers)
        shares.append(int(os.environ[IN_FLIGHT_VARIABLE]))
    assert shares[0] // 2 == shares[1]
    assert shares[2] == 1


def test_what_is_wanted_still_is_kept_and_published_at_its_new_place(world: World) -> None:
    pool = ProcessPool()
    pool.launch([model("a"), model("b")], workers=1)
    pool.launch([model("b"), model("c"), model("a")], workers=1)
    assert published() == ["/socket-1", "/socket-2", "/socket-0"]
    assert all(each.closed is None for each in world.begun)


def test_what_is_wanted_no_more_is_let_go_of_without_waiting(world: World) -> None:
    pool = ProcessPool()
    pool.launch([model("a"), model("b"), model("c")], workers=1)
    pool.launch([model("b")], workers=1)
    assert [each.closed for each in world.begun] == [0, None, 0]
    assert published() == ["/socket-1"]
    pool.launch([], workers=1)
    assert published() == []
    assert pool.launched == ()


@pytest.mark.parametrize("other", [model("a", "2"), Launch(ChildOptions("a", context_length=32), "1")])
def test_a_file_that_changed_or_is_served_in_another_way_is_started_anew(world: World, other: Launch) -> None:
    pool = ProcessPool()
    pool.launch([model("a")], workers=1)
    pool.launch([other], workers=1)
    assert [each.closed for each in world.begun] == [0, None]


def test_the_same_file_twice_has_two_processes(world: World) -> None:
    pool = ProcessPool()
    pool.launch([model("a"), model("a")], workers=1)
    pool.launch([model("a")], workers=1)
    assert [each.closed for each in world.begun] == [None, 0]


def test_one_that_cannot_be_started_leaves_all_as_it_was(world: World) -> None:
    pool = ProcessPool()
    pool.launch([model("a")], workers=1)
    with pytest.raises(ConfigurationError, match="cannot be started"):
        pool.launch([model("b"), model("refused")], workers=1)
    assert [each.closed for each in world.begun] == [None, 0]
    assert published() == ["/socket-0"]
    assert pool.launched == (model("a"),)


def test_with_patience_only_new_ones_are_waited_for(world: World) -> None:
    pool = ProcessPool()
    pool.launch([model("a")], workers=1)
    assert world.loads == {}
    world.loads = {"/socket-1": 3}
    pool.launch([model("a"), model("b")], workers=1, patience=60)
    assert world.loads == {"/socket-1": -1}
    assert published() == ["/socket-0", "/socket-1"]


def test_one_that_is_not_loaded_in_time_leaves_all_as_it_was(world: World) -> None:
    pool = ProcessPool()
    pool.launch([model("a")], workers=1)
    world.loads = {"/socket-1": 1_000_000_000}
    with pytest.raises(ConfigurationError, match=r"The model b was not loaded within 0\.01 seconds"):
        pool.launch([model("b")], workers=1, patience=0.01)
    assert [each.closed for each in world.begun] == [None, 0]
    assert pool.launched == (model("a"),)


def test_where_no_model_is_wanted_none_need_be_installed(world: World) -> None:
    pool = ProcessPool()
    pool.launch([], workers=1)
    assert world.checks == 0
    pool.launch([model("a")], workers=1)
    assert world.checks == 1


def test_each_is_told_how_long_it_may_hang(world: World) -> None:
    ProcessPool(12.5).launch([model("a")], workers=1)
    assert world.begun[0].probe == 12.5


def test_what_has_ended_is_started_again_and_told_also_by_a_launch(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.log, "propagate", True)
    pool = ProcessPool()
    pool.launch([model("a"), model("b")], workers=1)
    pool.revive()
    assert caplog.messages == []
    for each in world.begun:
        each.ends = [ConfigurationError("No more processes."), None]
    pool.revive()
    pool.launch([model("a"), model("b")], workers=1)
    assert caplog.messages == [
        "the supervisor of the model a has ended: No more processes.",
        "the supervisor of the model b has ended: No more processes.",
        "the supervisor of the model a had ended and is being restarted",
        "the supervisor of the model b had ended and is being restarted",
    ]
    assert published() == ["/socket-0", "/socket-1"]
    assert len(world.begun) == 2


def test_in_the_end_each_is_waited_for(world: World) -> None:
    pool = ProcessPool()
    pool.launch([model("a"), model("b")], workers=1)
    pool.close()
    assert all(each.closed for each in world.begun)
    assert pool.launched == ()
