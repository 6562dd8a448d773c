"""The list of error codes in the documentation is the one of the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from app.contract.explain import _LIMITS
from app.web.worker import MESSAGES

from .live import ROOT
from .published import error_codes


def constants(node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*constants(node.body), *constants(node.orelse))


def codes_of(path: Path) -> Iterator[str]:
    """The codes that a module names: defaults of errors, arguments called ``code``, and ends of explanations."""
    tree = ast.parse(path.read_text())
    names = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }
    places = {
        node.name: [argument.arg for argument in node.args.args].index("code")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and any(argument.arg == "code" for argument in node.args.args)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            if any(isinstance(target, ast.Name) and target.id == "default_code" for target in targets):
                yield from constants(node.value)
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from constants(keyword.value)
            place = places.get(node.func.id, len(node.args)) if isinstance(node.func, ast.Name) else len(node.args)
            if place < len(node.args):
                given = node.args[place]
                yield from [names[given.id]] if isinstance(given, ast.Name) and given.id in names else constants(given)
        elif isinstance(node, ast.FunctionDef) and node.name == "_describe" and path.stem == "explain":
            for end in ast.walk(node):
                if isinstance(end, ast.Return) and isinstance(end.value, ast.Tuple):
                    yield from constants(end.value.elts[-1])


def test_the_documentation_lists_just_the_error_codes_of_the_code() -> None:
    found = {code for path in sorted((ROOT / "app").rglob("*.py")) for code in codes_of(path)}
    found |= {code for _, code in MESSAGES.values()}
    for keyword, (_, code) in _LIMITS.items():
        found |= {f"{kind}_{code}" for kind in ("integer", "decimal")} if keyword.endswith("imum") else {code}
    assert {"invalid_json", "engine_unavailable", "image_too_large", "missing_required_parameter"} <= found
    assert error_codes() == found
