"""What each server does by itself and through Parley, as tables in the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..live import ROOT
from .asking import Found
from .scripted import HONEST, Outcome
from .servers import SERVERS

PAGE = ROOT / "docs" / "upstreams.md"

SERVERS_HEAD = ("Server", "Version", "Taken for", "Directly", "Through Parley", "Parley mends", "Parley refuses")
VICES_HEAD = ("Vice", "Through Parley", "Counted as")
# Whole answers fail, or single parameters do.
NOTHING, MENDED = "no request is answered, and each says why", "mended"


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- begin of {name} -->\n", f"<!-- end of {name} -->\n"


def write_server(row: tuple[str, ...]) -> None:
    """Put the row of a server into the page; those of others stay."""
    found = {each[0]: tuple(each) for each in rows("servers")[1:]} | {row[0]: row}
    _write("servers", SERVERS_HEAD, [found[name] for name in SERVERS if name in found])


def write_vices(outcomes: Mapping[str, Outcome]) -> None:
    """Put what became of each vice into the page, without what is counted of the server that has none."""
    always = outcomes[HONEST].strays
    _write("vices", VICES_HEAD, [_vice(*each, always) for each in outcomes.items()])


def rows(name: str) -> list[list[str]]:
    """The cells of a table in the page, its head first and without the line below that."""
    begin, end = _marks(name)
    lines = PAGE.read_text().partition(begin)[2].partition(end)[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in lines]
    return [*cells[:1], *cells[2:]]


def server_row(name: str, version: str, found: Found) -> tuple[str, ...]:
    """What was found of a server."""
    directly, through = found.scores
    mends = [*found.honoured, *found.mends]
    return (name, version, found.kind, f"{directly} %", f"{through} %", _listed(mends), _listed(found.refused))


def missing_row(name: str, why: str) -> tuple[str, ...]:
    """A server that could not be had."""
    return (name, "", f"not asked: {why}", "", "", "", "")


def _vice(vice: str, outcome: Outcome, always: tuple[str, ...]) -> tuple[str, ...]:
    told = [
        *([f"refused or failed by name: {_listed(outcome.refused)}"] if outcome.refused else []),
        *([f"failed: {_listed(outcome.failed)}"] if outcome.failed else []),
    ]
    return (
        vice,
        NOTHING if outcome.unasked else "; ".join(told) or MENDED,
        _listed(stray for stray in outcome.strays if stray not in always),
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _write(name: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    begin, end = _marks(name)
    before, _, rest = PAGE.read_text().partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text(f"{before}{begin}{''.join(_lines(head, rows))}{end}{after}")


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', ' ') or ' ' for cell in row)} |\n"
