"""Tables in the documentation that programs write, each between two comments with its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def write(page: Path, name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Put a table into a page, in place of what was there."""
    begin, end = _marks(name)
    before, _, rest = page.read_text().partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}{''.join(_lines(head, rows))}{end}{after}")


def read(page: Path, name: str) -> list[list[str]]:
    """The cells of a table in a page, its head first and without the line below that."""
    begin, end = _marks(name)
    lines = page.read_text().partition(begin)[2].partition(end)[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in lines]
    return [*cells[:1], *cells[2:]]


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- begin of {name} -->\n", f"<!-- end of {name} -->\n"


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', ' ') or ' ' for cell in row)} |\n"
