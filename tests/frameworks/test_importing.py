"""Connexion is imported without the HTTP clients that it hardly ever uses, and has them when it does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..patience import PATIENCE

ROOT = Path(__file__).parents[2]
CLIENTS = ("requests", "httpx", "starlette.testclient")
BEGIN = "import sys; from app.frameworks.importing import import_connexion; import_connexion(); import connexion; "


def run(code: str) -> str:
    # What Starlette warns of when its test client is imported.
    command = [sys.executable, "-W", "error:Using `httpx`", "-c", BEGIN + code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.live
def test_none_of_them_is_imported_with_it() -> None:
    assert run(f"print([name for name in {CLIENTS} if name in sys.modules])") == "[]\n"


@pytest.mark.live
def test_they_are_imported_when_they_are_used() -> None:
    uses = "from connexion import json_schema, security; print(json_schema.requests.get.__module__, "
    assert run(f"{uses} security.httpx.AsyncClient)") == "requests.api <class 'httpx.AsyncClient'>\n"


@pytest.mark.live
def test_an_application_s_test_client_is_starlette_s() -> None:
    assert "starlette.testclient.TestClient" in run("print(type(connexion.AsyncApp('a').test_client()))")


@pytest.mark.live
def test_who_imports_them_afterwards_gets_them_themselves() -> None:
    assert run("import httpx, requests; print(httpx.__file__ is None, requests.__file__ is None)") == "False False\n"
