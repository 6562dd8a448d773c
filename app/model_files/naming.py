"""Interprets the text that names a model's file: a model of the catalogue or on a hub, or a path."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ..errors import ConfigurationError
from ..tables import did_you_mean
from .catalogue import CATALOGUE
from .fetching import published
from .hub_cache import cached, check_package
from .reference import PREFIX, Reference


class NotDownloaded(ConfigurationError):
    """A model on a hub is not downloaded yet. The server downloads it when it starts."""


def is_name(text: str) -> bool:
    """Return whether a text names a model, and not the path of a file. A file with a model's name is written
    ``./NAME``."""
    return text in CATALOGUE or text.startswith(PREFIX)


def locate(text: str, state: Path) -> Path:
    """Return the file that a text names. ``state`` is the server's state folder. There is no network access, and a path
    is returned unchanged.

    Raises:
        ConfigurationError: it names a model whose file is missing, and the message says how to get it; or it is not a
            file, but similar to a name.
    """
    if text.startswith(PREFIX):
        return _on_hub(text)
    if text not in CATALOGUE:
        path = Path(text)
        if path.name not in CATALOGUE and not path.exists() and (hint := did_you_mean(path.name, CATALOGUE)):
            raise ConfigurationError(f"There is no file {path}.{hint}")
        return path
    pinned = CATALOGUE[text]
    if not pinned.is_there(state):
        folder = pinned.path(state).parent
        raise ConfigurationError(f"The model {text} is not in {folder}. Pull it: {pull_command(text)}")
    return pinned.path(state)


def _on_hub(text: str) -> Path:
    reference = Reference.parse(text)
    if (path := published(text)) is not None:
        return path
    check_package()
    if (path := cached(reference)) is not None:
        return path
    raise NotDownloaded(
        f"{text} has not been downloaded. gunicorn downloads it when it starts with gunicorn.conf.py and without "
        f"--preload; otherwise run: {pull_command(text)}"
    )


def pull_command(text: str) -> str:
    """Return the command line that pulls a model, in a form that can be run from the current folder."""
    program = _shown("parley") or f"{_shown('python') or sys.executable} -m parley"
    return f"{program} models pull {text}"


def _shown(program: str) -> str:
    """Return the command for a program of this Python's environment; empty if there is none."""
    here = Path(sys.executable).parent / program
    if not here.exists():
        return ""
    if shutil.which(program) == str(here):
        return program
    return os.path.relpath(here) if here.is_relative_to(Path.cwd()) else str(here)
