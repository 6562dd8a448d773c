"""What README publishes and other tests hold against the server."""

from __future__ import annotations

import re

from .live import ROOT


def error_codes() -> set[str]:
    """The codes of README's table of errors."""
    text = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| \d{3}[\d, ]* \| (.*?) \|", text, re.MULTILINE)
    return {code for row in rows for code in re.findall(r"`(\w+)`", row)}
