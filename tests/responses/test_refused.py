"""The documentation says what of a request for a response no model honours."""

from __future__ import annotations

from app.chat.support import plain_value
from app.responses.parameters import PARAMETERS

from ..published import DOCS, hold


def table() -> str:
    """A row for each parameter that is refused, with the values that are taken and what to send instead."""
    rows = ["| Parameter | But for | Why, and what instead |", "| --- | --- | --- |"]
    for parameter in PARAMETERS:
        if parameter.refused:
            taken = ", ".join(f"`{plain_value(value)}`" for value in parameter.takes)
            rows.append(f"| `{parameter.name}` | {taken} | {parameter.refused} |")
    return "\n".join([*rows, ""])


def test_the_documentation_shows_the_table_of_what_is_refused() -> None:
    hold(DOCS / "responses.md", "responses", table())
