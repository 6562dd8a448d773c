"""ARCHITECTURE.md is true: what it names is there, and nobody imports what the page does not let them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "ARCHITECTURE.md").read_text()

# For everybody.
_FREE = {"errors", "jsontypes", "random_ids"}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted((ROOT / "app").rglob("*.py"))}


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of the package that a module imports, wherever it does so."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return frozenset(
        found
        for node in ast.walk(ast.parse(path.read_text()))
        for found in _imported(node, package)
        if found in MODULES and found != module
    )


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base


def part_of(module: str) -> str:
    """The folder or file right below the package; ``app`` for the package itself."""
    return module.split(".")[1] if "." in module else "app"


def allowed() -> dict[str, set[str]]:
    """The page's table of imports."""
    table = PAGE.partition("| Part | May import |")[2]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", table, re.MULTILINE)
    return {part: set(re.findall(r"`(\w+)`", listed)) for part, listed in rows}


def test_every_part_of_the_package_stands_in_the_table_and_no_other() -> None:
    assert set(allowed()) == {part_of(module) for module in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_part_may(module: str) -> None:
    part = part_of(module)
    found = {part_of(other) for other in imports(module)} - {part} - _FREE
    assert found <= allowed()[part], f"{module} imports {sorted(found - allowed()[part])}"


def test_the_table_lists_nothing_that_nobody_imports() -> None:
    used: dict[str, set[str]] = {part: set() for part in allowed()}
    for module in MODULES:
        used[part_of(module)] |= {part_of(other) for other in imports(module)}
    assert {part: listed - used[part] for part, listed in allowed().items() if listed - used[part]} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    # Raises an error that names the circle.
    TopologicalSorter({module: imports(module) for module in MODULES}).prepare()


def references() -> list[tuple[str, str]]:
    """The files that the page names, each with the name in it, or without."""
    return re.findall(r"`(app/[\w/]+\.py)(?:: ([\w.]+))?`", PAGE)


@pytest.mark.parametrize(("file", "name"), sorted(set(references())))
def test_what_the_page_names_is_there(file: str, name: str) -> None:
    path = ROOT / file
    assert path.is_file()
    body: list[ast.stmt] = ast.parse(path.read_text()).body
    for step in filter(None, name.split(".")):
        found = next((node for node in body if step in _names(node)), None)
        if found is None and name.count(".") == 1:
            # A method that the class has from another one in the same file.
            assert any(step in _names(node) for node in ast.walk(ast.parse(path.read_text())))
            return
        assert found is not None, f"{file} has no {name}"
        body = getattr(found, "body", [])


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize("folder", sorted(set(re.findall(r"`(app/[\w/]+/)`", PAGE))))
def test_a_folder_that_the_page_names_is_there(folder: str) -> None:
    assert (ROOT / folder).is_dir()
