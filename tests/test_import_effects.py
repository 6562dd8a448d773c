"""Importing a module has no effect, and what is private in a framework is used in `app.frameworks` alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from .live import ROOT

MODULES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in (ROOT / "app").rglob("*.py")}
FRAMEWORKS = {"connexion", "flask", "starlette", "gunicorn", "werkzeug", "a2wsgi"}
# What those document for everyone's use.
DOCUMENTED = {
    "connexion",
    "connexion.exceptions",
    "connexion.resolver",
    "flask",
    "starlette.exceptions",
    "starlette.responses",
    "starlette.types",
}
# Reads of settings, and changes of what a whole process shares.
EFFECTS = {
    "environ",
    "getenv",
    "from_environment",
    "filterwarnings",
    "simplefilter",
    "setLevel",
    "addHandler",
    "basicConfig",
    "disable",
    "freeze",
    "set_threshold",
    "signal",
}


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """What of a module runs when it is imported: all but the bodies of its functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from at_import(child)


def effects(tree: ast.Module) -> Iterator[str]:
    foreign = {
        alias.asname or alias.name.partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for node in at_import(tree):
        if isinstance(node, ast.Attribute) and node.attr in EFFECTS:
            yield ast.unparse(node)
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            root: ast.AST = node
            while isinstance(root, ast.Attribute | ast.Subscript):
                root = root.value
            if isinstance(root, ast.Name) and root.id in foreign:
                yield ast.unparse(node)


def test_a_module_neither_reads_settings_nor_changes_anything_when_it_is_imported() -> None:
    found = {name: list(effects(tree)) for name, tree in MODULES.items()}
    # gunicorn reads its configuration by running this one; see there.
    assert found.pop("app/serving.py") == ["Settings.from_environment"]
    assert not {name: effects for name, effects in found.items() if effects}


@pytest.mark.parametrize(
    "text",
    [
        "import warnings\nwarnings.filterwarnings('ignore')",
        "import logging\nlogging.getLogger('x').setLevel(1)",
        "import connexion\nconnexion.FlaskApp.run = None",
        "import os\nif True:\n    x = os.environ['X']",
        "import gc\nclass A:\n    gc.disable()",
    ],
)
def test_an_effect_would_be_seen(text: str) -> None:
    assert list(effects(ast.parse(text)))


def test_the_garbage_collector_is_never_switched_off() -> None:
    """An application is built anew in the thread of a worker that serves."""
    for name, tree in MODULES.items():
        assert "gc.disable" not in {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}, (
            name
        )


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A module of ours is not among the frameworks, whatever its name.
            yield f"{'.' * node.level}{node.module or ''}"
            yield from (f"{'.' * (node.level + 1)}{alias.name}" for alias in node.names)


def test_what_is_not_documented_in_a_framework_is_imported_by_app_frameworks_alone() -> None:
    for name, tree in MODULES.items():
        found = {module for module in imported(tree) if module.partition(".")[0] in FRAMEWORKS}
        assert found <= DOCUMENTED or name.startswith("app/frameworks/"), name


def test_nothing_imports_the_configuration_of_gunicorn() -> None:
    for name, tree in MODULES.items():
        assert not any(module.split(".")[-1] == "serving" for module in imported(tree)), name
