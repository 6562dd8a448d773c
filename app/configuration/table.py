"""The keys of the configuration file as a Markdown table, for the documentation and the command line."""

from __future__ import annotations

from msgspec.structs import FieldInfo, fields

from ..tables import Table, base_type, help_of
from .keys import ENGINES, ModelKeys, engines_of, is_common


def keys_table() -> str:
    """A row for each key of a model, with its engine and default. A star marks keys that are allowed in
    ``defaults``."""
    rows = ["| Key | Engine | Default | What it does |", "| --- | --- | --- | --- |"]
    for f in fields(ModelKeys):
        kind = base_type(f.type)
        if issubclass(kind, Table) if isinstance(kind, type) else False:
            rows += (_row(f, inner, f"{f.name}.{inner.name}") for inner in fields(kind))
        else:
            rows.append(_row(f, f, f.name))
    return "\n".join(rows)


def _row(holder: FieldInfo, f: FieldInfo, name: str) -> str:
    star = " *" if is_common(holder) else ""
    engines = engines_of(holder)
    return f"| `{name}`{star} | {'all' if engines == ENGINES else ', '.join(engines)} | {_default(f)} | {help_of(f)} |"


def _default(f: FieldInfo) -> str:
    value = f.default
    if f.required or value in (None, (), "") or f.default_factory is dict:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
