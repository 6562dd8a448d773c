from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click.testing
import flask
import pytest

from app.cli import register

Command = Callable[..., click.testing.Result]


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
