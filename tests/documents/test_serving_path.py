"""A server without mocks loads no tool for documents: neither ours nor the packages that only they, or tests, need."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ..live import ROOT

pytestmark = pytest.mark.live

TOOLS = ("app.documents", "app.web.mocks", "app.commands", "openapi_spec_validator", "openapi_schema_validator")


def loaded(statements: str, **environ: str) -> set[str]:
    """The modules that a process has loaded after some statements."""
    code = f"{statements}; import sys; print('loaded', *sys.modules)"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**kept, **environ}, capture_output=True, text=True, check=True
    ).stdout
    return set(out.rpartition("loaded ")[2].split())


def of(packages: tuple[str, ...], modules: set[str]) -> list[str]:
    return sorted(name for name in modules if name.startswith(packages))


def test_the_application_without_mocks_loads_no_tool_for_documents() -> None:
    modules = loaded("import app; app.create_app()", PARLEY_ENGINE="echo")
    assert "app.wiring" in modules
    assert of(TOOLS, modules) == []


def test_the_application_with_mocks_loads_those_that_make_samples_and_no_other() -> None:
    modules = loaded("import app; app.create_app()", PARLEY_ENGINE="echo", PARLEY_MOCK="missing")
    assert "app.documents.samples.samples" in modules
    assert of(("app.documents.lint", "app.documents.diff", "openapi_spec_validator"), modules) == []


def test_reading_and_compiling_a_document_takes_neither_jsonschema_nor_connexion() -> None:
    pytest.importorskip("jsonschema_rs")
    modules = loaded(
        "from pathlib import Path; from app.contract.document import Document; "
        "from app.contract.operations import operations; from app.contract.trial import try_all; "
        "document = Document.load(Path('openapi/openapi.yaml')); "
        "try_all(document, {p for o in operations(document) for p in o.schemas})"
    )
    assert "jsonschema_rs" in modules
    assert of(("jsonschema.", "referencing", "connexion", "flask", "app.web", "app.chat", "app.engines"), modules) == []
