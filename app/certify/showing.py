"""Formats a report as human-readable text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .report import Report, counts, score
from .verdicts import FATES, MEANINGS, Fate, Row

# These groups have hundreds of rows, most of which are as they should be, or were not seen.
_LONG_GROUPS = ("answers", "bounds")
_QUIET = ("honoured", "not seen")


def as_text(report: Report, *, every: bool = False) -> str:
    """Each group's verdicts, then the table of scores. Without ``every``, rows with the same verdict share a line, and
    the longest groups show only rows with a problem."""
    lines: list[str] = []
    for name, rows in report.groups.items():
        shown = [row for row in rows if every or row.group not in _LONG_GROUPS or row.fate not in _QUIET]
        told = [(_name(row), [row]) for row in shown] if every else _together(shown)
        if not told:
            continue
        width = max(len(called) for called, _ in told)
        lines.append(name)
        lines += [f"  {called:{width}}  {row.fate:10}  {row.seen}".rstrip() for called, (row, *_) in told]
        lines.append("")
    lines += _scores(report)
    lines += ["", _sentence(report)]
    return "\n".join(lines)


def _together(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Group the rows of one verdict under the name of the first and the number of the others."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        key = (row.side, row.path.partition(".")[0].removesuffix("[]"), row.fate, row.seen)
        found.setdefault(key if row.seen and row.path else (row.key,), []).append(row)
    return [(_name(same[0]) + (f" +{len(same) - 1}" if len(same) > 1 else ""), same) for same in found.values()]


def as_markdown(report: Report) -> str:
    """The table of scores, then each group's verdicts with the requests that prove them."""
    lines = [f"# {report.model} at {report.url}", "", _sentence(report), ""]
    cells = list(_table(report))
    lines += _markdown(cells[0], cells[1:])
    lines += ["", *(f"- **{fate}**: {meaning}" for fate, meaning in MEANINGS.items())]
    for name, rows in report.groups.items():
        lines += ["", f"## {name}", ""]
        lines += _markdown(
            ("Property", "Verdict", "What was seen", "Request", "Evidence"),
            [
                (f"`{_name(row)}`", row.fate, _cell(row.seen), f"`{_cell(row.asked)}`", _numbers(row))
                if row.asked
                else (f"`{_name(row)}`", row.fate, _cell(row.seen), "", _numbers(row))
                for row in rows
            ],
        )
    return "\n".join(lines) + "\n"


def _sentence(report: Report) -> str:
    whole = score(report.rows)
    share = "nothing was decided" if whole is None else f"{whole} % of what was decided is honoured or refused by name"
    scores = [f"{name} {found} %" for name, rows in report.operations.items() if (found := score(rows)) is not None]
    if len(scores) > 1:
        share += f" ({', '.join(scores)})"
    spent = f"{report.requests} requests, {report.tokens} tokens, {report.seconds:g} s"
    return f"{report.model} at {report.url}: {share}; {spent}"


def _name(row: Row) -> str:
    return row.name if row.side in ("request", "behaviour") else f"{row.side}: {row.name}"


def _numbers(row: Row) -> str:
    return ", ".join(map(str, row.requests))


def _table(report: Report) -> Iterator[tuple[str, ...]]:
    """The rows of the table of scores: the groups of each operation, the whole operation, and the total."""
    fates = [fate for fate in FATES if any(row.fate == fate for row in report.rows)]
    yield ("Group", *fates, "score")
    several = len(report.operations) > 1
    for operation, rows in report.operations.items():
        groups = {title: members for title, members in report.groups.items() if members[0].operation == operation}
        for title, members in groups.items():
            yield _line(title, members, fates)
        if several and len(groups) > 1:
            yield _line(f"all of {operation}", rows, fates)
    yield _line("all", list(report.rows), fates)


def _line(name: str, rows: list[Row], fates: list[Fate]) -> tuple[str, ...]:
    whole, numbers = score(rows), counts(rows)
    return (name, *(str(numbers[fate] or "") for fate in fates), "" if whole is None else f"{whole} %")


def _scores(report: Report) -> list[str]:
    cells = list(_table(report))
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
