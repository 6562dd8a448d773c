"""Whatever a user meets stands in README or in `docs/`: what there is is read from the code.

Tables that must be the code's own are held by tests of their own: settings (`test_settings`), error codes
(`test_errors`), keys of the configuration file (`configuration/test_table`), parameters (`chat/test_parameters`).
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
import yaml

from app.contract.document import Document
from app.contract.routing import Paths
from app.documents.lint.rules import RULES
from app.engines.dialects.known import DIALECTS
from app.web.pages import Pages

from .live import ROOT

PAGES = {path: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))}
TEXT = "\n".join(PAGES.values())
# For those who change the code, not for users.
FOR_DEVELOPERS = TEXT + (ROOT / "CONTRIBUTING.md").read_text()


@cache
def modules() -> Mapping[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted((ROOT / "app").rglob("*.py"))}


def undocumented(names: Iterable[str], text: str = TEXT) -> list[str]:
    """Those of some names that stand nowhere in a text as words of their own."""
    return sorted(name for name in names if not re.search(rf"(?<![\w/-]){re.escape(name)}(?![\w/-])", text))


def in_table(heading: str) -> set[str]:
    """The names in code in the first column of the table below a heading, on whichever page it is."""
    (section,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, each with the words by which it is called."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


@cache
def all_commands() -> Mapping[tuple[str, ...], click.Command]:
    from app.cli import parley

    found = dict(commands(parley))
    assert {("contract", "check"), ("certify", "diff"), ("keys",)} <= set(found)
    return found


def test_every_command_is_documented() -> None:
    # `certify URL` is how `certify server URL` is called.
    assert undocumented(" ".join(path) for path in all_commands() if path and path != ("certify", "server")) == []


def test_every_option_of_a_command_is_documented() -> None:
    options = {
        option
        for command in all_commands().values()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for option in parameter.opts
        if option.startswith("--") and option != "--help"
    }
    assert {"--ignore", "--write-config"} <= options
    assert undocumented(options) == []


def log_fields(tree: ast.Module) -> Iterator[str]:
    """The fields of the request log that a module sets: keys of what is called ``log``, and of its update."""
    for node in ast.walk(tree):
        match node:
            case ast.For(target=target, iter=ast.Tuple(elts=names)):
                # log[name] = ..., for each of some names
                if ast.unparse(target) in map(ast.unparse, _log_keys(node)):
                    yield from _texts(names)
            case ast.Call(func=ast.Attribute(value=of, attr="update"), keywords=keywords) if is_log(of):
                yield from (keyword.arg for keyword in keywords if keyword.arg is not None)
            case ast.Dict(keys=keys, values=values):
                # {"id": ..., **exchange.log}
                if any(key is None and is_log(of) for key, of in zip(keys, values, strict=True)):
                    yield from _texts(keys)
    yield from _texts(_log_keys(tree))


def _log_keys(node: ast.AST) -> Iterator[ast.expr]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Subscript) and isinstance(inner.ctx, ast.Store) and is_log(inner.value):
            yield inner.slice


def _texts(nodes: Iterable[ast.expr | None]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_log(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "log") or (isinstance(node, ast.Attribute) and node.attr == "log")


def test_the_table_of_the_request_log_has_just_the_fields_of_the_code() -> None:
    found = {field for tree in modules().values() for field in log_fields(tree)}
    assert {"id", "ms", "user", "because", "error"} <= found
    assert in_table("The request log") == found


def headers(folders: Iterable[str]) -> set[str]:
    """The names of headers and extensions beyond the standards that the modules of some folders have in their code."""
    return {
        name
        for path, tree in modules().items()
        if path.relative_to(ROOT / "app").parts[0] in folders
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
        for name in [node.value if isinstance(node.value, str) else node.value.decode("latin-1")]
        if re.fullmatch(r"x-[a-z-]+[a-z]", name)
    }


def test_the_tables_of_headers_and_of_extensions_have_just_those_of_the_code() -> None:
    assert in_table("Headers of answers") == headers(("web", "chat", "handlers", "responses", "limits"))
    assert in_table("Extensions of documents") == headers(("contract",))


def test_every_path_is_documented() -> None:
    document = Document.load(ROOT / "openapi" / "openapi.yaml")

    async def ready() -> bool:
        return True

    ours = Pages(document, Paths([]), ready).rules
    assert {"/livez", "/v1/ui/", "/v1/openapi.json"} <= set(ours)
    # What leads to Swagger UI, and the files that it is made of, are told of by its own path.
    ui = {path for path in ours if path in ("/v1", "/v1/", "/v1/ui") or re.match(r"/v1/ui/.", path)}
    operations = set(yaml.safe_load((ROOT / "openapi" / "openapi.yaml").read_text())["paths"])
    paths = {*(set(ours) - ui), *(f"/v1{path}" for path in operations)}
    spans = " ".join(re.findall(r"`([^`\n]+)`", TEXT)).replace("GET /models", "GET /v1/models")
    assert undocumented(paths, spans) == []


def test_the_table_of_the_rules_of_a_check_is_the_one_of_the_code() -> None:
    table = "\n".join(
        ["| Rule | What is wrong |", "| --- | --- |", *(f"| `{name}` | {RULES[name]} |" for name in RULES)]
    )
    assert f"\n\n{table}\n\n" in TEXT


def test_every_dialect_is_documented() -> None:
    assert undocumented(f"`{name}`" for name in DIALECTS) == []


@pytest.mark.parametrize("package", [name for name in ("app", "parley") if find_spec(name)])
def test_every_public_name_is_documented(package: str) -> None:
    names = import_module(package).__all__
    assert "create_app" in names
    assert undocumented(names) == []


@pytest.mark.parametrize("package", [name for name in ("app", "parley") if find_spec(name)])
def test_every_public_name_has_a_docstring_and_so_have_its_methods(package: str) -> None:
    public = {name: getattr(import_module(package), name) for name in import_module(package).__all__}
    methods = {
        f"{name}.{each}": member
        for name, value in public.items()
        if isinstance(value, type)
        for each, member in vars(value).items()
        if not each.startswith("_") and inspect.isroutine(member)
    }
    assert [name for name, value in (public | methods).items() if not inspect.getdoc(value)] == []


def test_every_target_of_make_is_documented_for_those_who_change_the_code() -> None:
    (targets,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert undocumented((f"make {target}" for target in targets.split()), FOR_DEVELOPERS) == []


def test_what_is_not_documented_is_found() -> None:
    assert undocumented(["contract check", "/healthz", "--json"], "contract checks, /healthz/x, --json-lines") == [
        "--json",
        "/healthz",
        "contract check",
    ]
    assert undocumented(["--all"], "says `--all`.") == []
