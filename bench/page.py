"""Writes what was measured into docs/performance.md: tables between two comments with their names, and drawings."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from tests import page_tables

from .server import ROOT
from .table import HEAD, Table

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"

# The tables of the page that no single part has.
TARGETS, CONDITIONS = "targets", "conditions"


def write(table: Table, order: Sequence[str], page: Path = PAGE, images: Path = IMAGES) -> None:
    """Put what some parts have measured in the place of what the page tells of them; other parts' lines stay.

    ``order`` is that of the parts.

    Raises:
        ValueError: the page has no place for a table.
    """
    measured = {row[0] for row in table.rows}
    rows = [row for row in told(page) if row[0] not in measured]
    rows = sorted([*rows, *table.rows], key=lambda row: order.index(row[0]) if row[0] in order else len(order))
    _put(page, TARGETS, HEAD, rows)
    for name, grid in table.grids.items():
        _put(page, name, grid.head, grid.rows)
    cores = [str(os.cpu_count()), platform.machine(), f"{platform.system()}, Python {platform.python_version()}"]
    _put(page, CONDITIONS, ("Cores", "Architecture", "System"), [cores])
    for name, svg in table.drawings.items():
        image_of(name, images).write_text(svg, encoding="utf-8")


def told(page: Path = PAGE) -> list[tuple[str, ...]]:
    """The lines of measures with and without targets in the page, each with all its cells."""
    lines = page_tables.read(page, TARGETS)[1:]
    # Empty cells at the end of a line are not read.
    return [(*line, *[""] * (len(HEAD) - len(line))) for line in lines]


def image_of(name: str, images: Path = IMAGES) -> Path:
    """The file of a drawing."""
    return images / f"performance-{name}.svg"


def _put(page: Path, name: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if f"<!-- begin of {name} -->\n" not in page.read_text(encoding="utf-8"):
        raise ValueError(f"{page.name} has no place for the table {name!r}")
    page_tables.write(page, name, head, rows)
