"""What each model of the zoo can do, as a table in the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..live import ROOT
from . import zoo
from .checks import CHECKS

PAGE = ROOT / "docs" / "models.md"
SMOLLM2 = "SmolLM2-135M-Instruct"
_BEGIN, _END = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"


def write(found: Mapping[str, Mapping[str, str]]) -> None:
    """Put the verdicts on models, by model and feature, into the page."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    PAGE.write_text(f"{before}{_BEGIN}{''.join(lines(found))}{_END}{after}")


def lines(found: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The lines of the table."""
    yield f"| Chat template of | Vocabulary of | {' | '.join(CHECKS)} |\n"
    yield f"|{' --- |' * (len(CHECKS) + 2)}\n"
    for name, verdicts in found.items():
        vocabulary = "its own" if name == SMOLLM2 else zoo.vocabulary_of(name)
        yield f"| {name} | {vocabulary} | {' | '.join(verdicts[feature] for feature in CHECKS)} |\n"


def rows() -> list[list[str]]:
    """The cells of the table in the page, its head first."""
    table = PAGE.read_text().partition(_BEGIN)[2].partition(_END)[0]
    return [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in table.splitlines()]
