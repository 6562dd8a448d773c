"""The keys of the configuration file as a table in Markdown, for README and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_type_hints

from .keys import ModelKeys


def keys_table() -> str:
    """A row for each key of a model, with its engine and default. A star marks those that may stand in ``defaults``."""
    rows = ["| Key | Engine | Default | What it does |", "| --- | --- | --- | --- |"]
    rows += _rows(ModelKeys, "", None)
    return "\n".join(rows)


def _rows(kind: type[Any], within: str, holder: Field[Any] | None) -> Iterator[str]:
    hints = get_type_hints(kind)
    for f in fields(kind):
        name, rules = f"{within}{f.name}", (holder or f).metadata
        hint = hints[f.name]
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _rows(hint, f"{name}.", f)
            continue
        star = " *" if rules.get("common") else ""
        yield f"| `{name}`{star} | {', '.join(rules.get('engines', ('all',)))} | {_default(f)} | {f.metadata['help']} |"


def _default(f: Field[Any]) -> str:
    value = f.default
    if value is MISSING or value in (None, (), ""):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
