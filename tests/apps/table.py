"""What each application does with Parley, as a table in the documentation."""

from __future__ import annotations

from .. import page_tables
from ..live import ROOT
from .known import APPS
from .trial import App, Trial

PAGE = ROOT / "docs" / "clients.md"
NAME = "applications"
HEAD = ("Application", "Version", "What to set", "Asks", "Works")
UNTRIED, FAILS = "not tried: ", "fails: "


def rows() -> list[list[str]]:
    """The cells of the table in the page, its head first."""
    return page_tables.read(PAGE, NAME)


def write(row: tuple[str, ...]) -> None:
    """Put the row of an application into the page; those of others stay."""
    found = {each[0]: tuple(each) for each in rows()[1:]} | {row[0]: row}
    page_tables.write(PAGE, NAME, HEAD, [found[name] for name in APPS if name in found])


def row(app: App, trial: Trial) -> tuple[str, ...]:
    """What was found of an application."""
    asked = ", ".join(f"`{each}`" for each in sorted(trial.asked))
    found = [*trial.works, *(FAILS + each for each in trial.failed)]
    return (app.name, app.version, app.sets, asked, "; ".join(found))


def missing_row(app: App, why: str) -> tuple[str, ...]:
    """An application that could not be had."""
    return (app.name, app.version, app.sets, "", UNTRIED + why)
