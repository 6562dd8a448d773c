"""What loads the application is told in a sentence why it cannot be loaded."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from gunicorn.errors import AppImportError

from app import starting
from app.starting import load


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Other tests may have imported what gunicorn would.
    for name in [name for name in sys.modules if name.startswith("gunicorn.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("PARLEY_ENGINE", "echo")
    monkeypatch.setenv("PARLEY_API_KEYS", "k")
    monkeypatch.setenv("PARLEY_STATE_DIR", str(tmp_path))


def failure(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        load()
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_a_wrong_setting_ends_the_process_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARLEY_PORT", "eighty")
    assert re.fullmatch(r"parley: PARLEY_PORT must be a whole number[^\n]*\.\n", failure(capsys))


def test_a_wrong_document_is_told_with_how_to_see_all_that_is_wrong_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "api.json").write_text("{}")
    monkeypatch.setenv("PARLEY_SPEC", str(tmp_path / "api.json"))
    said = failure(capsys)
    assert said.startswith(f"parley: {tmp_path / 'api.json'} has no openapi version")
    assert said.endswith(" To see everything that is wrong with it: parley contract check FILE\n")
    assert "PARLEY_LENIENT" not in said
    assert said.count("\n") == 1


def test_the_refusal_of_a_part_of_a_document_names_how_to_serve_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bad = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"bad": {}}}
    (tmp_path / "api.json").write_text(json.dumps(bad))
    monkeypatch.setenv("PARLEY_SPEC", str(tmp_path / "api.json"))
    assert " PARLEY_LENIENT=1 serves the rest." in failure(capsys)


def test_under_gunicorn_it_is_the_exception_that_ends_the_master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "load_failure", AppImportError)
    monkeypatch.setenv("PARLEY_PORT", "eighty")
    with pytest.raises(AppImportError, match=r"^parley: PARLEY_PORT must be a whole number"):
        load()


def test_a_worker_that_speaks_wsgi_is_refused_whatever_set_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(starting, "wsgi_worker", lambda: "gthread")
    assert "worker class is gthread, which cannot serve this application. Set it to asgi" in failure(capsys)
