"""What programs and handlers of users import: `parley`, which has the same as `app`."""

from __future__ import annotations

import ast
import inspect
import logging
import re
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import pytest

import app
import parley
from app.web import exchange

from .live import ROOT
from .web.inprocess import BEARER, application, error, openapi

PUBLIC = ["ApiError", "Event", "Reply", "Request", "Settings", "Stream", "Upload", "create_app"]


def test_both_packages_list_the_same_names_and_have_the_same_things_by_them() -> None:
    assert parley.__all__ == app.__all__ == PUBLIC
    for name in PUBLIC:
        assert getattr(parley, name) is getattr(app, name)
    assert set(PUBLIC) <= set(dir(parley))
    assert set(PUBLIC) <= set(dir(app))


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_is_documented_where_it_is_and_in_the_list(name: str) -> None:
    assert inspect.getdoc(getattr(parley, name))
    assert re.search(rf"\b{name}\b", parley.__doc__ or "")


@pytest.mark.parametrize("module", [app, parley], ids=["app", "parley"])
def test_a_name_that_is_not_public_is_not_there(module: object) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Rply'"):
        getattr(module, "Rply")  # noqa: B009


def test_type_checkers_know_what_both_packages_have() -> None:
    for package in ("app", "parley"):
        assert (ROOT / package / "py.typed").exists()
        tree = ast.parse((ROOT / package / "__init__.py").read_text())
        known = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert set(PUBLIC) <= known | defined


def examples() -> list[str]:
    """The Python examples of the pages that users read."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    return [text for page in pages for text in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)]


def test_examples_import_nothing_of_ours_but_what_is_public() -> None:
    found = set()
    for text in examples():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] != "app", text
                if node.module == "parley":
                    found |= {alias.name for alias in node.names}
    assert {"Reply", "Stream"} <= found <= set(PUBLIC)


def test_handlers_raise_errors_of_their_own_in_the_one_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "face_handlers.py").write_text(
        textwrap.dedent(
            """
            from parley import ApiError, Reply

            class SoldOut(ApiError):
                status = 409
                type = "invalid_request_error"
                default_code = "sold_out"

            async def get_pet(name):
                if name == "rex":
                    raise SoldOut("Rex has been sold.", param="name", headers={"x-shop": "1"})
                return Reply({"name": name}, 200, {"x-total": "1"})
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    name = {"name": "name", "in": "query", "schema": {"type": "string"}}
    document = openapi({"/pet": {"get": {"operationId": "getPet", "parameters": [name], "responses": {"200": {}}}}})
    with application(document, tmp_path, handlers=("face_handlers",)) as client:
        assert client.get("/pet?name=tom", headers=BEARER).headers["x-total"] == "1"
        refused = client.get("/pet?name=rex", headers=BEARER)
        told = {"message": "Rex has been sold.", "type": "invalid_request_error", "param": "name", "code": "sold_out"}
        assert error(refused, 409) == told
        assert refused.headers["x-shop"] == "1"


# -- the names of before ---------------------------------------------------------------------------------------------


def test_the_import_of_before_works_and_tells_the_new_one_once(caplog: pytest.LogCaptureFixture) -> None:
    exchange._tell_the_new_name.cache_clear()
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.WARNING, "parley"):
        warnings.simplefilter("always")
        from app.web.exchange import Reply, Stream
        from app.web.exchange import Reply as Again
    assert (Reply, Stream, Again) == (parley.Reply, parley.Stream, parley.Reply)
    assert [warning.category for warning in caught] == [DeprecationWarning]
    assert caught[0].filename == __file__
    told = "Import Event, Reply and Stream from parley: app.web.exchange has them for one more release only."
    assert str(caught[0].message) == told
    assert caplog.messages == [told]


def test_what_was_never_there_is_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Answer'"):
        exchange.Answer  # noqa: B018


def test_we_import_nothing_by_the_names_of_before() -> None:
    for path in [*(ROOT / "app").rglob("*.py"), *(ROOT / "parley").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("web.exchange"):
                assert not {"Reply", "Stream"} & {alias.name for alias in node.names}, path


# -- a module of the user's that is called app -----------------------------------------------------------------------


def run(code: str, folder: Path, name: str = "main.py") -> subprocess.CompletedProcess[str]:
    """A program in a folder, which comes first on its path, before ours."""
    (folder / name).write_text(code)
    return subprocess.run(
        [sys.executable, folder / name],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.live
def test_a_module_app_that_is_not_imported_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise SystemExit('this is another one')\n")
    done = run("from parley import Reply, Settings\nprint(Reply(1), Settings().port)\n", tmp_path)
    assert done.stdout.startswith("Reply(body=1,"), done.stderr


@pytest.mark.live
def test_a_program_called_app_can_import_parley(tmp_path: Path) -> None:
    done = run("from parley import create_app\nprint(create_app.__module__)\n", tmp_path, name="app.py")
    assert done.stdout == "app\n", done.stderr


@pytest.mark.live
def test_where_another_app_has_been_imported_a_sentence_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    done = run("import app\nfrom parley import Reply\n", tmp_path)
    said = done.stderr.splitlines()[-1]
    assert said.startswith("ImportError: Parley's own package is called app, and this process has imported another")
    assert said.endswith(f" module of that name: {tmp_path}/app.py. Rename that one.")


@pytest.mark.live
def test_importing_parley_imports_no_part_of_the_server(tmp_path: Path) -> None:
    done = run("import parley, sys\nprint(*sys.modules)\n", tmp_path)
    loaded = set(done.stdout.split())
    assert "app" in loaded
    assert not {"app.web", "app.settings", "app.errors", "flask", "starlette", "connexion", "msgspec"} & loaded
