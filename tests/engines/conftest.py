"""A model process for the tests: the real supervisor, the real child, the bundled model."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engines.base import Model
from app.engines.llama.engine import LlamaEngine
from app.engines.llama.process import ModelProcess
from app.model_process import supervisor
from app.model_process.address import KEY_VARIABLE, SOCKET_VARIABLE
from app.model_process.child import ChildOptions
from app.model_process.supervisor import Supervision
from tools.tiny_model.dialogue import ENDS

BUNDLED = Path(__file__).parents[2] / "app" / "model" / "tiny-q8_0.gguf"
CONTEXT_LENGTH = 2048

# Parameters that ban the bundled model's two ends of a text: the answer becomes as long as it may be.
ENDLESS = {"logit_bias": {str(end): -100 for end in ENDS}}


def parents() -> dict[int, int]:
    """Every running process with its parent; the dead that nobody has reaped are not among them."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    found[int(entry.name)] = int(parent)
    return found


def child_of(pid: int) -> int | None:
    """The one running child of a process, or None."""
    children = [child for child, parent in parents().items() if parent == pid]
    return children[0] if len(children) == 1 else None


def alive(pid: int) -> bool:
    return pid in parents()


def engine_at(socket: str, key: str) -> LlamaEngine:
    model = Model(id="parley-tiny", created=0, owned_by="parley", fingerprint="fp_test")
    return LlamaEngine(model, context_length=CONTEXT_LENGTH, address=lambda: (socket, key))


@pytest.fixture(params=[True, False], ids=["marked", "bare"])
def marks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the model's template has calls in the most common form, or so it is made to seem."""
    has_marks: bool = request.param

    async def marks_calls(_process: ModelProcess) -> bool:
        return has_marks

    monkeypatch.setattr(ModelProcess, "marks_calls", marks_calls)
    return has_marks


@contextlib.contextmanager
def environment_kept() -> Iterator[None]:
    kept = {name: os.environ.get(name) for name in (SOCKET_VARIABLE, KEY_VARIABLE)}
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def supervised(options: ChildOptions) -> Iterator[Supervision]:
    """A running supervisor; whatever happens, its processes are gone afterwards."""
    supervision = supervisor.begin(options)
    try:
        yield supervision
    finally:
        child = child_of(supervision.pid)
        supervision.close()
        for pid in (supervision.pid, child):
            if pid is not None and alive(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def supervision() -> Iterator[Supervision]:
    """The bundled model, served for all tests that leave it running."""
    options = ChildOptions(model=str(BUNDLED), context_length=CONTEXT_LENGTH, slots=2, threads=1)
    with supervised(options) as running:
        yield running


@pytest.fixture
def engine(supervision: Supervision) -> LlamaEngine:
    """An engine that is not started: start it on the event loop that uses it."""
    return engine_at(supervision.socket, supervision.key)
