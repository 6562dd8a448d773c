"""Describes what a model does with each parameter: in a human-readable table, and in error messages."""

from __future__ import annotations

import json
from typing import Any

from ..engines.base import Model
from ..jsontypes import Json
from .parameters import ChatParameter
from .tables import CHAT, Table


def honours(model: Model, path: str, table: Table = CHAT) -> bool:
    """Whether a model honours the parameter at a path of the table, and all of the parameter's parents."""
    while path:
        parameter = table.by_path.get(path)
        if parameter is not None and parameter.needs is not None and parameter.needs not in model.capabilities:
            return False
        path = _holder(path)
    return True


def _holder(path: str) -> str:
    return path.rpartition(".")[0].removesuffix("[]")


def support(parameter: ChatParameter, model: Model, table: Table = CHAT) -> str:
    """What a model does with a parameter, as a short Markdown text."""
    if honours(model, parameter.name, table):
        return "honoured" + (f": {parameter.effect}" if parameter.effect else "")
    if parameter.neutral and honours(model, _holder(parameter.name), table):
        return f"refused, but for {' and '.join(f'`{plain_value(v)}`' for v in parameter.neutral)}"
    return "refused"


def support_table(model: Model, table: Table = CHAT) -> str:
    """What a model does with each parameter, as a Markdown table."""
    rows = ["| Parameter | With this model |", "| --- | --- |"]
    rows += [f"| `{each.name}` | {support(each, model, table)} |" for each in table.parameters]
    rows += [
        f"| `{name}` | honoured: beyond the API, let through by configuration |"
        for name in sorted(model.extra_parameters)
    ]
    return "\n".join(rows)


def support_rows(model: Model, table: Table = CHAT) -> list[Json]:
    """What a model does with each parameter, as objects of the schema `ModelParameter` of the contract."""
    rows = [_row(parameter, model, table) for parameter in table.parameters]
    known = {row["name"] for row in rows}
    beyond = sorted(model.extra_parameters - known)
    return rows + [{"name": name, "verdict": "honoured", "note": "beyond the API"} for name in beyond]


def _row(parameter: ChatParameter, model: Model, table: Table) -> Json:
    row: Json = {"name": parameter.name, "verdict": "honoured"}
    if honours(model, parameter.name, table):
        notes = [parameter.effect]
        if not all(honours(variant, parameter.name, table) for variant in model.variants):
            notes.append("by only some of the model's servers")
    else:
        row["verdict"] = "refused"
        if parameter.neutral and honours(model, _holder(parameter.name), table):
            row["values"] = [json.dumps(value) for value in parameter.neutral]
        notes = [parameter.instead]
    if note := "; ".join(filter(None, notes)):
        row["note"] = note
    return row


def advice(parameter: ChatParameter) -> str:
    """What to send instead to a model that cannot honour a parameter."""
    if parameter.instead:
        return parameter.instead
    if not parameter.neutral:
        return "Leave it out."
    return f"Leave it out or send {' or '.join(map(plain_value, parameter.neutral))}."


def plain_value(value: Any) -> str:
    """A neutral value as a client writes it."""
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
