"""What came of each document, as a table in the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..live import ROOT
from .asking import COUNTS, LEFT_OUT, START, Found
from .documents import DOCUMENTS, Document, known

PAGE = ROOT / "docs" / "documents.md"

HEAD = ("Document", "From", "OpenAPI", "Asked", "Start", *(name.capitalize() for name in COUNTS))
KNOWN_HEAD = ("Document", "Operation", "Found", "Why it stays")
TOTAL = "all"
STRICT, LENIENT, NONE = "strict", "lenient", "none"
_DASH = "—"


def row(document: Document, found: Found) -> tuple[str, ...]:
    """The cells of a document."""
    package = document.package
    return (
        document.name,
        f"`{package.name}` {package.version}" if package else "ours",
        found.version,
        f"{found.asked} of {found.operations}",
        STRICT if found.start is None else LENIENT if found.served else NONE,
        *(f"{found.good[name]} / {found.judged[name]}" if found.judged[name] else _DASH for name in COUNTS),
    )


def total(rows: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The sums of all rows."""
    rows = [row for row in rows if row[0] != TOTAL]
    counted = []
    for column in range(5, len(HEAD)):
        pairs = [row[column].split(" / ") for row in rows if "/" in row[column]]
        counted.append(f"{sum(int(good) for good, _ in pairs)} / {sum(int(judged) for _, judged in pairs)}")
    asked = [row[3].split(" of ") for row in rows]
    started = sum(row[4] == STRICT for row in rows)
    return (
        TOTAL,
        f"{len(rows)} documents",
        "",
        f"{sum(int(few) for few, _ in asked)} of {sum(int(many) for _, many in asked)}",
        f"{started} strict",
        *counted,
    )


def write(asked: Mapping[str, tuple[str, ...]]) -> None:
    """Put rows into the page, those of others stay; and what is known anew."""
    found = {each[0]: tuple(each) for each in rows("documents")[1:]} | dict(asked)
    kept = [found[name] for name in DOCUMENTS if name in found]
    _write("documents", HEAD, [*kept, total(kept)])
    _write("findings", KNOWN_HEAD, list(_known()))


def _known() -> Iterator[tuple[str, ...]]:
    for each in known():
        finding = each.finding
        what = finding.what if finding.what in (LEFT_OUT, START) else f"{finding.what}: {finding.detail}"
        yield each.document, f"`{finding.operation}`" if finding.operation else "", what, each.why


def rows(name: str) -> list[list[str]]:
    """The cells of a table in the page, its head first and without the line below that."""
    begin, end = _marks(name)
    lines = PAGE.read_text().partition(begin)[2].partition(end)[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in lines]
    return [*cells[:1], *cells[2:]]


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- begin of {name} -->\n", f"<!-- end of {name} -->\n"


def _write(name: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    begin, end = _marks(name)
    before, _, rest = PAGE.read_text().partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text(f"{before}{begin}{''.join(_lines(head, rows))}{end}{after}")


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for each in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', ' ') or ' ' for cell in each)} |\n"
