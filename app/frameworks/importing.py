"""The undocumented behaviour of Connexion's imports that we rely on:

- It imports `requests` and `httpx` as modules, and uses them only when it fetches a document or asks another server
  about a token. We do neither.
- It imports ``TestClient`` from `starlette.testclient`, and calls it only when a test client is made. Starlette
  deprecates the very package that Connexion installs for it, with a warning that operators cannot act on.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_CLIENTS = ("requests", "httpx")
_TESTS = "starlette.testclient"


class _Later(ModuleType):
    """Stands for a module that is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def import_connexion() -> None:
    """Import Connexion without the HTTP clients that it hardly ever uses, which take 10 MB of each process. If they
    are used after all, they are imported then."""
    if "connexion" in sys.modules:
        return
    tests = ModuleType(_TESTS)
    tests.TestClient = _test_client  # type: ignore[attr-defined]
    stand_ins = {_TESTS: tests, **{name: _Later(name) for name in _CLIENTS}}
    added = {
        name: stand_in for name, stand_in in stand_ins.items() if sys.modules.setdefault(name, stand_in) is stand_in
    }
    try:
        importlib.import_module("connexion")
    finally:
        for name in added:
            del sys.modules[name]


@contextmanager
def quietly() -> Iterator[None]:
    """Suppress the warning about Starlette's test client while Connexion may be imported."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient` is deprecated")
        yield


def _test_client(*args: Any, **options: Any) -> Any:
    with quietly():
        tests = importlib.import_module(_TESTS)
    return tests.TestClient(*args, **options)
