"""The table that a run prints: a line for each measure, with the target it is held against."""

from __future__ import annotations

from dataclasses import dataclass, field

_HEAD = ("part", "measure", "value", "target", "")


@dataclass
class Table:
    """Lines in the order in which they were measured; each is printed when it is known, all together at the end."""

    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, part: str, measure: str, value: str, *, target: str = "", met: bool | None = None) -> None:
        """One line. ``met`` tells whether the target is reached."""
        verdict = "" if met is None else ("met" if met else "MISSED")
        self.rows.append((part, measure, value, target, verdict))
        print(f"  {part}: {measure}: {value} {f'({target}: {verdict})' if target else ''}".rstrip(), flush=True)

    def __str__(self) -> str:
        rows = [_HEAD, *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths).rstrip(), *lines[1:]])
