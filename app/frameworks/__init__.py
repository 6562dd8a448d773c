"""The undocumented behaviour of Connexion, Flask, Starlette and gunicorn that we rely on: separate modules for each.

A module begins with the list of what it relies on, and ``tests/frameworks`` tests each item of the list, so that an
update that changes one fails there. The rest of the application uses only documented behaviour, and these modules.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Suppress a warning while Connexion may be imported, because operators cannot act on it: Connexion imports
    Starlette's test client, which deprecates the very package that Connexion installs for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient` is deprecated")
        yield


def import_connexion() -> None:
    """Import Connexion, `quietly` the first time."""
    with quietly():
        importlib.import_module("connexion")
