"""The block of a configuration file that serves a model of a server with what was proven of it."""

from __future__ import annotations

import json
import re

from ..chat.parameters import CAPABILITIES, PARAMETERS
from ..engines.dialects.known import DIALECTS
from .report import Report
from .verdicts import Fate, Row

_LACKING: tuple[Fate, ...] = ("broken", "ignored", "refused")
# What servers say that their models belong to.
_OWNERS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llama.cpp", "library": "ollama"}


def dialect_of(report: Report) -> str:
    """The dialect of a server, by whose it says that its models are; ``openai`` if that tells nothing."""
    return _OWNERS.get(report.owner.lower(), "openai")


def proven(report: Report, dialect: str) -> dict[str, Row | None]:
    """For each capability the row that tells what becomes of it, None where none does: of all parameters that need it
    the worst, so that what is honoured in part alone is not taken for whole."""
    return {capability: _worst(_rows(report, dialect, capability)) for capability in sorted(CAPABILITIES)}


def _rows(report: Report, dialect: str, capability: str) -> list[Row]:
    names = {parameter.name for parameter in PARAMETERS if parameter.needs == capability}
    if dialect != "openai":
        # The other dialects say in words that their servers know which tools may be called.
        names -= {"tool_choice", "parallel_tool_calls"}
    return [row for row in report.rows if row.side == "request" and row.path in names and row.group != "bounds"]


def _worst(rows: list[Row]) -> Row | None:
    return next((row for fate in (*_LACKING, "honoured") for row in rows if row.fate == fate), None)


def block(report: Report, *, dialect: str | None = None, key_env: str | None = None) -> str:
    """The block in TOML. What the dialect has and the server has not is removed, what it has beyond the dialect added;
    what was not seen stays as the dialect has it, and is named.

    Raises:
        KeyError: there is no such dialect.
    """
    name = dialect or dialect_of(report)
    known = DIALECTS[name].capabilities
    telling = proven(report, name)
    add = [c for c, row in telling.items() if row is not None and row.fate == "honoured" and c not in known]
    lacking = {c: row for c, row in telling.items() if row is not None and row.fate in _LACKING and c in known}
    unseen = [c for c, row in telling.items() if row is None and c in known]
    lines = [
        f"[models.{_key(report.model)}]",
        'engine = "upstream"',
        f'dialect = "{name}"',
        f"base_urls = [{_text(report.url)}]",
        f"upstream_model = {_text(report.model)}",
        *([f"key_env = {_text(key_env)}"] if key_env else []),
        *([f"capabilities.add = [{', '.join(map(_text, add))}]"] if add else []),
        *([f"capabilities.remove = [{', '.join(map(_text, lacking))}]"] if lacking else []),
        *(
            f"# {capability}: {row.name} is {row.fate}: {' '.join(row.seen.split())}"
            for capability, row in lacking.items()
            if row.named in (None, "no")
        ),
        *([f"# neither proven nor disproven: {', '.join(unseen)}"] if unseen else []),
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    # A text of JSON is one of TOML, but for DEL, which a JSON text may have as it is.
    return json.dumps(value).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)
