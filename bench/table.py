"""What a run has measured: a line for each measure, with its target, and tables and drawings of several servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .target import Target

HEAD = ("Part", "Measure", "Value", "Target", "")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of its own for the page: its head and its rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass
class Table:
    """Lines in the order in which they were measured; each is printed when it is known, all together at the end.

    ``grids`` and ``drawings`` (SVG) have names, by which they find their places in the page.
    """

    rows: list[tuple[str, ...]] = field(default_factory=list)
    grids: dict[str, Grid] = field(default_factory=dict)
    drawings: dict[str, str] = field(default_factory=dict)

    def add(self, part: str, measure: str, value: str, *, target: str = "", met: bool | None = None) -> None:
        """One line. ``met`` tells whether the target is reached."""
        verdict = "" if met is None else ("met" if met else "missed")
        self.rows.append((part, measure, " ".join(value.split()), target, verdict))
        print(f"  {part}: {measure}: {value.strip()} {f'({target}: {verdict})' if target else ''}".rstrip(), flush=True)

    def hold(self, part: str, measure: str, number: float, target: Target, more: str = "") -> None:
        """One line for a number that has a target; ``more`` is told behind it."""
        shown = f"{number:,.2f}" if abs(number) < 100 and not isinstance(number, int) else f"{number:,.0f}"
        value = f"{shown} {target.unit} {f'({more})' if more else ''}"
        self.add(part, measure, value, target=str(target), met=target.met(number))

    def add_all(self, other: Table) -> None:
        """All that another one has."""
        self.rows += other.rows
        self.grids |= other.grids
        self.drawings |= other.drawings

    def grid(self, name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table of its own, such as one with a column for each server; printed too."""
        self.grids[name] = Grid(tuple(head), tuple(map(tuple, rows)))
        print(_aligned([self.grids[name].head, *self.grids[name].rows]), flush=True)

    def draw(self, name: str, svg: str) -> None:
        """A drawing for the page."""
        self.drawings[name] = svg

    def __str__(self) -> str:
        return _aligned([HEAD, *self.rows])


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths).rstrip(), *lines[1:]])
