"""The block of a configuration file that serves a model of a server with what was proven of it."""

from __future__ import annotations

import json
import re

from ..chat.parameters import CAPABILITIES, PARAMETERS
from ..engines.dialects.known import DIALECTS
from .report import Report
from .verdicts import Fate, Row

# What servers say that their models belong to.
_OWNERS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llama.cpp", "library": "ollama"}


def dialect_of(report: Report) -> str:
    """The dialect of a server, by whose it says that its models are; ``openai`` if that tells nothing."""
    return _OWNERS.get(report.owner.lower(), "openai")


def proven(report: Report) -> dict[str, Fate]:
    """What becomes of each capability: of all parameters that need it the worst, so that what is honoured in part alone
    is not taken for whole; ``not seen`` where none was seen to be honoured and none is missing."""
    fates: dict[str, list[Fate]] = {}
    needs = {parameter.name: parameter.needs for parameter in PARAMETERS if parameter.needs is not None}
    for row in report.rows:
        if row.side == "request" and row.path in needs and row.group != "bounds":
            fates.setdefault(needs[row.path], []).append(row.fate)
    return {capability: _worst(fates.get(capability, [])) for capability in sorted(CAPABILITIES)}


def _worst(fates: list[Fate]) -> Fate:
    order: tuple[Fate, ...] = ("broken", "ignored", "refused", "honoured")
    return next((fate for fate in order if fate in fates), "not seen")


def block(report: Report, *, dialect: str | None = None, key_env: str | None = None) -> str:
    """The block in TOML. What the dialect has and the server has not is removed, what it has beyond the dialect added;
    what was not seen stays as the dialect has it, and is named.

    Raises:
        KeyError: there is no such dialect.
    """
    name = dialect or dialect_of(report)
    known = DIALECTS[name].capabilities
    fates = proven(report)
    add = [capability for capability, fate in fates.items() if fate == "honoured" and capability not in known]
    lacking = [c for c, fate in fates.items() if fate in ("broken", "ignored", "refused") and c in known]
    unseen = [c for c, fate in fates.items() if fate in ("not seen", "not probed") and c in known]
    lines = [
        f"[models.{_key(report.model)}]",
        'engine = "upstream"',
        f'dialect = "{name}"',
        f"base_urls = [{_text(report.url)}]",
        f"upstream_model = {_text(report.model)}",
        *([f"key_env = {_text(key_env)}"] if key_env else []),
        *([f"capabilities.add = [{', '.join(map(_text, add))}]"] if add else []),
        *([f"capabilities.remove = [{', '.join(map(_text, lacking))}]"] if lacking else []),
        *(f"# {capability}: {fates[capability]} ({_example(report, capability)})" for capability in lacking),
        *([f"# neither proven nor disproven: {', '.join(unseen)}"] if unseen else []),
    ]
    return "\n".join(lines) + "\n"


def _example(report: Report, capability: str) -> str:
    """The row that tells that a capability is missing."""
    fate = proven(report)[capability]
    names = {parameter.name for parameter in PARAMETERS if parameter.needs == capability}

    def tells(row: Row) -> bool:
        return row.side == "request" and row.path in names and row.fate == fate and row.group != "bounds"

    row = next(row for row in report.rows if tells(row))
    return " ".join(f"{row.name}: {row.seen}".split())


def _text(value: str) -> str:
    # A text of JSON is one of TOML, but for DEL, which a JSON text may have as it is.
    return json.dumps(value).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)
