"""The supervisor's work without a process: its children are told how to end, and its pauses are noted, not waited."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.errors import ConfigurationError
from app.model_process import supervisor as module
from app.model_process.address import KEY_LENGTH, SOCKET_VARIABLE
from app.model_process.child import ChildOptions
from app.model_process.supervisor import Supervision, Supervisor, begin, check

OPTIONS = ChildOptions(model="model.gguf", context_length=64)
KEY = "k" * KEY_LENGTH


class Child:
    """Ends with a status after some seconds of the clock, or with None when it is killed."""

    pid = 4711

    def __init__(self, clock: Clock, status: int | None, seconds: float) -> None:
        self._clock, self._status, self._seconds = clock, status, seconds
        self.killed = threading.Event()

    def wait(self) -> int:
        self._clock.now += self._seconds
        if self._status is None:
            self.killed.wait()
            return -9
        return self._status

    def kill(self) -> None:
        self.killed.set()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Pauses(threading.Event):
    """An event whose waits end at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        return self.is_set()


class World:
    """``script`` says how each child ends: its status and its age, or the error that keeps it from starting. The last
    one lives until it is killed."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.said: list[str] = []
        self.commands: list[list[str]] = []
        self.script: list[tuple[int | None, float] | OSError] = []
        self.last: Callable[[], None] = lambda: None

    def start(self, command: list[str], **_: Any) -> Child:
        self.commands.append(command)
        if not self.script:
            self.last()
            return Child(self.clock, None, 0)
        end = self.script.pop(0)
        if isinstance(end, OSError):
            raise end
        return Child(self.clock, *end)

    def supervise(self, folder: Path, probe: float = 0.0) -> list[float]:
        """Run a supervisor until the last child runs; then the life line ends. Gives the pauses between children."""
        read_end, write_end = os.pipe()
        (folder / "s.sock").touch()
        (folder / "s.sock.slots").touch()
        pauses = Pauses()
        self.last = lambda: os.close(write_end)
        os.write(write_end, KEY.encode())
        supervisor = Supervisor(str(folder / "s.sock"), read_end, probe, OPTIONS.to_json())
        supervisor._over = pauses
        supervisor.run()
        os.close(read_end)
        return pauses.seconds


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(subprocess, "Popen", made.start)
    monkeypatch.setattr(module, "time", made.clock)
    monkeypatch.setattr(module, "say", made.said.append)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "socket"
    made.mkdir()
    return made


def test_the_end_of_the_life_line_ends_the_child_and_leaves_nothing(world: World, folder: Path) -> None:
    assert world.supervise(folder) == []
    assert not folder.exists()
    assert world.said == []


def test_a_child_that_ends_is_started_again_after_pauses_that_double_up_to_a_bound(world: World, folder: Path) -> None:
    world.script = [(5, 0.0)] * 9
    assert world.supervise(folder) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert len(world.commands) == 10
    assert all(command == world.commands[0] for command in world.commands)
    assert KEY not in " ".join(world.commands[0])


def test_a_child_that_lived_long_is_started_again_soon(world: World, folder: Path) -> None:
    world.script = [(5, 0.0), (5, 29.0), (5, 30.0), (5, 0.0)]
    assert world.supervise(folder) == [0.1, 0.2, 0.1, 0.2]


def test_each_end_is_told_with_its_cause_and_the_pause(world: World, folder: Path) -> None:
    world.script = [(0, 0.0), (-9, 0.0), OSError(12, "no memory")]
    world.supervise(folder)
    assert world.said == [
        "the model process ended with status 0; it will be restarted in 0.1 s.",
        "the model process was ended by signal 9; it will be restarted in 0.2 s.",
        "the model process could not be started ([Errno 12] no memory); it will be restarted in 0.4 s.",
    ]


def test_a_child_that_hangs_is_killed_and_started_again_with_that_as_its_cause(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [False, False, True]
    patience: list[float] = []

    class Probed:
        seconds = 0.001

        def __init__(self, seconds: float, *_: object) -> None:
            patience.append(seconds)

        def hangs(self) -> bool:
            return bool(answers) and answers.pop(0)

    monkeypatch.setattr(module, "Probe", Probed)
    world.script = [(None, 0.0)]
    world.supervise(folder, probe=6.0)
    assert world.said == [
        "the model process neither answered nor computed for 6 s and was killed; it will be restarted in 0.1 s."
    ]
    assert patience[0] == 6


def test_a_supervisor_whose_server_is_gone_before_it_has_a_key_ends() -> None:
    read_end, write_end = os.pipe()
    os.close(write_end)
    with pytest.raises(SystemExit) as ended:
        Supervisor("/s.sock", read_end, 0.0, OPTIONS.to_json())
    assert ended.value.code == 0
    os.close(read_end)


# -- what is installed ----------------------------------------------------------------------------------------------


def test_this_installation_can_run_the_model() -> None:
    check()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="xllamacpp"):
        check()


@pytest.mark.skipif(sys.platform != "linux", reason="the library is asked for on Linux alone")
def test_a_missing_system_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", refuse)
    with pytest.raises(ConfigurationError, match="apt-get install -y libgomp1"):
        check()


# -- the launch ---------------------------------------------------------------------------------------------------


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[list[str], dict[str, Any]]]:
    """The processes that a launch has started: their commands and what Popen was told."""
    started: list[tuple[list[str], dict[str, Any]]] = []

    class Started:
        pid = 4711
        returncode = None

        def __init__(self, command: list[str], **options: Any) -> None:
            started.append((command, options))

    monkeypatch.setattr(subprocess, "Popen", Started)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return started


def let_go(running: Supervision) -> None:
    assert running.life_line is not None
    for descriptor in (*running.life_line, running.sign):
        os.close(descriptor)


def test_a_launch_tells_its_process_the_key_by_the_life_line_alone(
    begun: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    running = begin(OPTIONS, 7.5)
    ((command, told),) = begun
    assert running.life_line is not None
    assert os.read(running.life_line[0], 1000) == running.key.encode()
    assert command[-4:-1] == [running.socket, str(running.life_line[0]), "7.5"]
    assert running.life_line[0] in told["pass_fds"]
    assert running.life_line[1] not in told["pass_fds"]
    assert running.key not in " ".join(command)
    assert running.key not in told["env"].values()
    assert running.key not in repr(running)
    assert ChildOptions.from_json(command[-1]).model == str(tmp_path / "model.gguf"), "wherever the process is"
    ours, theirs = told["env"]["PYTHONPATH"].split(os.pathsep)
    assert Path(ours, "app", "model_process").is_dir()
    assert theirs == "/theirs"
    assert told["start_new_session"], "signals for the server's group do not reach it"
    assert stat.S_IMODE(Path(running.socket).parent.stat().st_mode) == 0o700
    let_go(running)


def test_of_the_environment_its_processes_get_what_they_need_and_no_key(
    begun: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = ("PATH", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "GGML_NO_BACKTRACE")
    other = (
        *("PARLEY_API_KEYS", "PARLEY_API_KEYS_FILE", "PARLEY_UPSTREAM_API_KEY", "PARLEY_HOST", "OPENAI_API_KEY"),
        *("GPU_1", "NVIDIA_API_KEY", "CUDA_TOKEN", "AWS_SECRET_ACCESS_KEY", "LLAMA_MEDIA_MARKER", "LLAMA_API_KEY"),
    )
    for name in (*needed, *other):
        monkeypatch.setenv(name, f"value of {name}")
    let_go(begin(OPTIONS))
    ((_, told),) = begun
    assert set(needed) <= set(told["env"])
    assert not set(other) & set(told["env"])


def test_each_launch_has_a_key_and_a_folder_of_its_own(begun: list[tuple[list[str], dict[str, Any]]]) -> None:
    one, other = begin(OPTIONS), begin(OPTIONS)
    assert one.key != other.key
    assert Path(one.socket).parent != Path(other.socket).parent
    for each in (one, other):
        let_go(each)


def test_one_that_has_ended_is_started_again_at_the_same_address_once_a_second_at_most(
    begun: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    running = begin(OPTIONS)
    held: list[int] = []

    class Lives:
        pid = 4712

        def __init__(self, command: list[str], **told: Any) -> None:
            begun.append((command, told))
            held.append(os.dup(told["pass_fds"][1]))

    assert not running.is_running(), "what stands in for a process has let go of its end at once"
    clock.now += 0.9
    assert not running.revive()
    clock.now += 0.2
    monkeypatch.setattr(subprocess, "Popen", Lives)
    assert running.revive()
    assert running.is_running()
    assert begun[0][0] == begun[1][0]
    clock.now += 60
    assert not running.revive()
    os.close(held[0])
    assert running.revive()
    assert running.life_line is not None
    assert os.read(running.life_line[0], 1000) == 3 * running.key.encode()
    os.close(held[1])
    let_go(running)


def test_one_that_cannot_be_started_again_is_tried_again(
    begun: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    running = begin(OPTIONS)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "no more processes")

    descriptors = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        for _ in range(3):
            clock.now += 1
            with pytest.raises(ConfigurationError, match=r"cannot be started: .*no more processes"):
                running.revive()
    assert len(os.listdir("/proc/self/fd")) == descriptors
    clock.now += 1
    assert running.revive()
    let_go(running)


def test_keys_that_nobody_has_read_hold_up_no_start(
    begun: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    running = begin(OPTIONS)
    for _ in range(2000):
        clock.now += 1
        assert running.revive()
    let_go(running)


def test_a_process_that_cannot_be_started_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "no more processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ConfigurationError, match=r"cannot be started: .*no more processes"):
        begin(OPTIONS)
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_letting_go_closes_the_life_line_and_takes_back_what_was_published(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    waited: list[int] = []

    def waitpid(pid: int, _: int) -> tuple[int, int]:
        waited.append(pid)
        return (pid, 0) if len(waited) == 3 else (0, 0)

    monkeypatch.setattr(os, "waitpid", waitpid)
    monkeypatch.setenv(SOCKET_VARIABLE, "of another")
    own_end = os.dup(read_end)
    running = Supervision(OPTIONS, 0.0, "/socket/s.sock", KEY, (own_end, write_end), os.open(os.devnull, 0), pid=4711)
    running.publish(1)
    assert os.environ[f"{SOCKET_VARIABLE}_2"] == "/socket/s.sock"
    running.close(60)
    assert os.read(read_end, 1) == b""
    assert waited == [4711] * 3
    assert f"{SOCKET_VARIABLE}_2" not in os.environ
    assert os.environ[SOCKET_VARIABLE] == "of another"
    running.close()
    assert len(waited) == 3, "it may be let go of again"
    os.close(read_end)


def test_a_supervisor_that_somebody_else_has_reaped_is_gone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def waitpid(*_: int) -> tuple[int, int]:
        raise ChildProcessError

    monkeypatch.setattr(os, "waitpid", waitpid)
    read_end, write_end = os.pipe()
    sign = os.open(os.devnull, os.O_RDONLY)
    Supervision(OPTIONS, 0.0, "/socket/s.sock", KEY, (read_end, write_end), sign, pid=4711).close()
