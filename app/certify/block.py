"""Writes the block of a configuration file that serves a server's model with the capabilities that were proven."""

from __future__ import annotations

import json
import re

from ..chat.tables import CHAT
from ..chat.token_lists import TOKENS
from ..completions.parameters import PROMPT_LOGPROBS, TEXT
from ..embeddings.parameters import EMBEDDING
from ..engines.dialects.known import DIALECTS
from .report import Report
from .verdicts import Fate, Row

_LACKING: tuple[Fate, ...] = ("broken", "ignored", "refused")
# The dialects by the ``owned_by`` that servers report for their models.
_OWNERS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llama.cpp", "library": "ollama"}
_TABLES = {table.operation: table for table in (CHAT, TEXT, EMBEDDING)}
# Capabilities that depend on the form of a value, not on a parameter: the operation, path and check of their row.
_BY_FORM = {
    TOKENS: (TEXT.operation, "prompt", "tokens"),
    PROMPT_LOGPROBS: (TEXT.operation, "echo", "with logprobs"),
}


def dialect_of(report: Report) -> str:
    """The dialect of a server, by the owner that it reports for its models; ``openai`` if the owner is not known."""
    return _OWNERS.get(report.owner.lower(), "openai")


def proven(report: Report, dialect: str) -> dict[str, Row | None]:
    """For each capability of the model's operations the row that shows its outcome, None if there is none. It is the
    worst row of all parameters that need the capability, so that a partly honoured one does not count as honoured."""
    names = {name for name, table in _TABLES.items() if _does(report, name) for name in table.capabilities}
    names |= {name for name, (operation, *_) in _BY_FORM.items() if _does(report, operation)}
    return {capability: _worst(_rows(report, dialect, capability)) for capability in sorted(names)}


def _does(report: Report, operation: str) -> bool:
    """Whether the model was asked for an operation and supports it. A report without models by operation is about
    chats."""
    models = report.models or {CHAT.operation: report.model}
    return models.get(operation) == report.model


def lacking_operations(report: Report) -> list[str]:
    """The operations that the model was asked for and does not support, except where the server was merely too busy."""
    asked = {name: rows for name, rows in report.operations.items() if name in _TABLES and not _does(report, name)}
    return [name for name, rows in asked.items() if any(row.fate != "not seen" for row in rows)]


def _rows(report: Report, dialect: str, capability: str) -> list[Row]:
    """The rows of the first operation whose parameters need a capability: chats and text completions honour the
    same."""
    if capability in _BY_FORM:
        operation, path, check = _BY_FORM[capability]
        return [row for row in report.operations.get(operation, ()) if (row.path, row.check) == (path, check)]
    for operation, table in _TABLES.items():
        names = {parameter.name for parameter in table.parameters if parameter.needs == capability}
        if dialect != "openai":
            # The other dialects express which tools may be called in a form that their servers support.
            names -= {"tool_choice", "parallel_tool_calls"}
        if names and _does(report, operation):
            rows = report.operations.get(operation, ())
            return [row for row in rows if row.side == "request" and row.path in names and row.group != "bounds"]
    return []


def _worst(rows: list[Row]) -> Row | None:
    return next((row for fate in (*_LACKING, "honoured") for row in rows if row.fate == fate), None)


def block(report: Report, *, dialect: str | None = None, key_env: str | None = None) -> str:
    """The block in TOML. Capabilities of the dialect that the server lacks are removed, capabilities beyond the dialect
    are added; those that were not seen stay as in the dialect, and are named.

    Raises:
        KeyError: there is no such dialect.
    """
    name = dialect or dialect_of(report)
    known = DIALECTS[name].capabilities
    telling = proven(report, name)
    add = [c for c, row in telling.items() if row is not None and row.fate == "honoured" and c not in known]
    lacking = {c: row for c, row in telling.items() if row is not None and row.fate in _LACKING and c in known}
    removed = [*lacking_operations(report), *lacking]
    unseen = [c for c, row in telling.items() if row is None and c in known]
    lines = [
        f"[models.{_key(report.model)}]",
        'engine = "upstream"',
        f'dialect = "{name}"',
        f"base_urls = [{_text(report.url)}]",
        f"upstream_model = {_text(report.model)}",
        *([f"key_env = {_text(key_env)}"] if key_env else []),
        *([f"capabilities.add = [{', '.join(map(_text, add))}]"] if add else []),
        *([f"capabilities.remove = [{', '.join(map(_text, removed))}]"] if removed else []),
        *(
            f"# {capability}: {row.name} is {row.fate}: {' '.join(row.seen.split())}"
            for capability, row in lacking.items()
            if row.named in (None, "no")
        ),
        *([f"# neither proven nor disproven: {', '.join(unseen)}"] if unseen else []),
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    # A JSON string is a valid TOML string, except for DEL, which JSON allows unescaped.
    return json.dumps(value).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)
