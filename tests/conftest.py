"""What all tests share: one server of each kind for those that leave it as they found it, and the commands."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click.testing
import flask
import pytest

from app.cli import register

from .live import Server, serve

pytest_plugins = ["tests.guard"]

Command = Callable[..., click.testing.Result]


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
    """Runs what follows ``flask --app wsgi`` on a command line, in this process: arguments, and variables by name."""
    for name in [name for name in os.environ if name.startswith("PARLEY_")]:
        monkeypatch.delenv(name)
    log = logging.getLogger("parley")
    level = log.level
    app = flask.Flask("commands")
    register(app)

    def run(*arguments: str | Path, **variables: str) -> click.testing.Result:
        return app.test_cli_runner().invoke(args=[*map(str, arguments)], env=variables, catch_exceptions=False)

    yield run
    log.setLevel(level)
