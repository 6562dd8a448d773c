"""What each server does by itself and through Parley, as tables in the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import page_tables
from ..live import ROOT
from .asking import Found
from .scripted import HONEST, Outcome
from .servers import SERVERS

PAGE = ROOT / "docs" / "upstreams.md"

SERVERS_HEAD = ("Server", "Version", "Taken for", "Directly", "Through Parley", "Parley mends", "Parley refuses")
VICES_HEAD = ("Vice", "Through Parley", "Counted as")
# Whole answers fail, or single parameters do.
NOTHING, MENDED = "no request is answered, and each says why", "mended"


def write_server(row: tuple[str, ...]) -> None:
    """Put the row of a server into the page; those of others stay."""
    found = {each[0]: tuple(each) for each in rows("servers")[1:]} | {row[0]: row}
    page_tables.write(PAGE, "servers", SERVERS_HEAD, [found[name] for name in SERVERS if name in found])


def write_vices(outcomes: Mapping[str, Outcome]) -> None:
    """Put what became of each vice into the page, without what is counted of the server that has none."""
    always = outcomes[HONEST].strays
    page_tables.write(PAGE, "vices", VICES_HEAD, [_vice(*each, always) for each in outcomes.items()])


def rows(name: str) -> list[list[str]]:
    """The cells of a table in the page, its head first."""
    return page_tables.read(PAGE, name)


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
