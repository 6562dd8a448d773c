"""A report for people: as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .report import Report, counts, score
from .verdicts import FATES, MEANINGS, Row

# Of the contract's answers and of bounds there are hundreds; most are as they should be, or did not come.
_LONG_GROUPS = ("answers", "bounds")
_QUIET = ("honoured", "not seen")


def as_text(report: Report, *, every: bool = False) -> str:
    """Each group's verdicts, then the table of scores. Without ``every`` what shares a verdict is one line, and of the
    longest groups only what something is wrong with is shown."""
    lines: list[str] = []
    for name, rows in report.groups.items():
        shown = [row for row in rows if every or name not in _LONG_GROUPS or row.fate not in _QUIET]
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
    """Rows that one verdict made, under the name of the first and the number of the others."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        key = (row.side, row.path.partition(".")[0].removesuffix("[]"), row.fate, row.seen)
        found.setdefault(key if row.seen and row.path else (row.key,), []).append(row)
    return [(_name(same[0]) + (f" +{len(same) - 1}" if len(same) > 1 else ""), same) for same in found.values()]


def as_markdown(report: Report) -> str:
    """The table of scores, then each group's verdicts with the requests that show them."""
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
    spent = f"{report.requests} requests, {report.tokens} tokens, {report.seconds:g} s"
    return f"{report.model} at {report.url}: {share}; {spent}"


def _name(row: Row) -> str:
    return row.name if row.side in ("request", "behaviour") else f"{row.side}: {row.name}"


def _numbers(row: Row) -> str:
    return ", ".join(map(str, row.requests))


def _table(report: Report) -> Iterator[tuple[str, ...]]:
    yield ("Group", *FATES, "score")
    for name, rows in (*report.groups.items(), ("all", list(report.rows))):
        whole = score(rows)
        yield (name, *(str(number or "") for number in counts(rows).values()), "" if whole is None else f"{whole} %")


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
