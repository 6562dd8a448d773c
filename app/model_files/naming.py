"""What the text says that names a model's file: a model of the catalogue or on a hub, or a path."""

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
    """A model on a hub is not here yet: the start of the server downloads it."""


def is_name(text: str) -> bool:
    """Whether a text names a model, and not the path of a file. A file of a model's name is written ``./NAME``."""
    return text in CATALOGUE or text.startswith(PREFIX)


def locate(text: str, state: Path) -> Path:
    """The file that a text names. ``state`` is the folder of the server's state. Nobody on the network is asked, and a
    path is given as it is.

    Raises:
        ConfigurationError: it names a model whose file is not there, and the message says how to get it; or it is no
            file, but almost a name.
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
        f"{text} has not been downloaded. gunicorn does so when it starts with gunicorn.conf.py and without --preload; "
        f"or else: {pull_command(text)}"
    )


def pull_command(text: str) -> str:
    """The command line that pulls a model, as it can be run from here."""
    program = _shown("parley") or f"{_shown('python') or sys.executable} -m parley"
    return f"{program} models pull {text}"


def _shown(program: str) -> str:
    """How a program of this Python's environment is called; empty: there is none."""
    here = Path(sys.executable).parent / program
    if not here.exists():
        return ""
    if shutil.which(program) == str(here):
        return program
    return os.path.relpath(here) if here.is_relative_to(Path.cwd()) else str(here)
