"""What the documentation publishes: tables that are generated from the code, and codes that tests hold against the
server."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .live import ROOT

DOCS = ROOT / "docs"
# Set, it has the tests write the tables that they would compare.
WRITE = "PARLEY_WRITE_DOCS"


def page(name: str) -> str:
    """The text of a page of the documentation, such as ``settings``."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def hold(path: Path, name: str, table: str, writer: str = 'pytest -m "not live"') -> None:
    """Hold the table of that name in a page to be this one, or write it there. ``writer`` is the command that does so.

    Raises:
        AssertionError: the page has another table, or none of this name.
    """
    text = path.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    assert marked.search(text), f"{path.name} has no place for the table {name!r}"
    written = marked.sub(lambda found: found[1] + table + found[2], text)
    if os.environ.get(WRITE):
        path.write_text(written, encoding="utf-8")
    assert written == text or os.environ.get(WRITE), (
        f"the table {name!r} in {path.name} is not what it should be; `{WRITE}=1 {writer}` writes it"
    )


def error_codes() -> set[str]:
    """The codes of the table of errors."""
    rows = re.findall(r"^\| \d{3}[\d, ]* \| (.*?) \|", page("errors"), re.MULTILINE)
    return {code for row in rows for code in re.findall(r"`(\w+)`", row)}
