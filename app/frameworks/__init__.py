"""What is used of Connexion, Flask, Starlette and gunicorn beyond what they document: a module for each.

A module begins with the list of what it relies on, and ``tests/frameworks`` holds each item of it, so that an update
that changes one fails there. The rest of the application uses what is documented, and these modules.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Connexion is imported, if it is, without a warning that nobody who runs a server can act on: it imports
    Starlette's test client, which deprecates the very package that Connexion brings for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient` is deprecated")
        yield


def import_connexion() -> None:
    """Import Connexion, `quietly` the first time."""
    with quietly():
        importlib.import_module("connexion")
