"""What all tests share: one server of each kind and the documents, for those that leave them as they found them, and
the commands."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click.testing
import pytest

from app.cli import parley
from app.configuration.document import contract_path
from app.contract.document import Document
from app.frameworks.importing import import_connexion
from app.settings import Settings

from .foreign import FOREIGN, foreign
from .live import Server, serve

pytest_plugins = ["tests.guard"]

# Commands import it when they run, and a package that it imports tries a socket then, which no guarded test may.
import_connexion()

# Many tests make an application of it, each in some hundredths of a second more if it is read each time.
Document.load(contract_path(Settings()), keep=True)

# Large documents are kept for many tests; to look through them at each chance takes a sixth of the time.
gc.set_threshold(200_000, 20, 100)

# Folders with files of few tests that take minutes. If they came last, the other processes would have nothing to do.
_FIRST = frozenset({"deploy", "fuzz", "limits", "store"})

Command = Callable[..., click.testing.Result]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of some folders first."""
    items.sort(key=lambda item: _FIRST.isdisjoint(item.path.parts))


@pytest.fixture(scope="session")
def document() -> Document:
    """The contract that ships."""
    return Document.load(contract_path(Settings()))


@pytest.fixture(scope="session", params=FOREIGN)
def foreign_document(request: pytest.FixtureRequest) -> Document:
    """Documents of others, each in turn."""
    return Document.load(foreign(request.param))


@pytest.fixture(scope="session")
def echo_server() -> Iterator[Server]:
    """A server without a model, which says the last message again."""
    with serve("echo") as server:
        yield server


@pytest.fixture(scope="session")
def llama_server() -> Iterator[Server]:
    """A server with the bundled model, ready to answer."""
    with serve("llama") as server:
        yield server


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Runs what follows ``parley`` on a command line, in this process: arguments, and variables by name."""
    for name in [name for name in os.environ if name.startswith("PARLEY_")]:
        monkeypatch.delenv(name)
    log = logging.getLogger("parley")
    level = log.level
    runner = click.testing.CliRunner()

    def run(*arguments: str | Path, **variables: str) -> click.testing.Result:
        return runner.invoke(parley, [*map(str, arguments)], env=variables, catch_exceptions=False)

    yield run
    log.setLevel(level)
