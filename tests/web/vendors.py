"""Documents in the manner of other vendors, written for the tests in the folder `documents`, each in both versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "documents"


def vendor(name: str, version: str | None = None) -> dict[str, Any]:
    """A document; ``version`` 3.0.3 turns one of 3.1 into its twin, with the words that 3.0 has for the same."""
    document: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    if version is None or document["openapi"] == version:
        return document
    twin: dict[str, Any] = {**_older(document), "openapi": version}
    twin.pop("jsonSchemaDialect", None)
    return twin


def copy_as(version: str, source: Path, target: Path) -> None:
    """Copy a document of several files in 3.1, turned into its twin where another version is asked for."""
    for path in source.rglob("*.yaml"):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text()
        if f"openapi: {version}" not in (source / "openapi.yaml").read_text():
            turned = _older(yaml.safe_load(text))
            text = yaml.safe_dump({**turned, "openapi": version} if "openapi" in turned else turned, sort_keys=False)
        copy.write_text(text)


def _older(node: Any) -> Any:
    if isinstance(node, list):
        return [_older(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _older(value) for key, value in node.items() if key != "examples"}
    if isinstance(made.get("type"), list):
        made["type"], made["nullable"] = next(kind for kind in made["type"] if kind != "null"), True
    if "const" in made and not isinstance(made["const"], dict):
        made["enum"] = [made.pop("const")]
    branches = made.get("anyOf")
    if isinstance(branches, list) and {"type": "null"} in branches:
        made["anyOf"], made["nullable"] = [branch for branch in branches if branch != {"type": "null"}], True
    return made
