"""``parley usage ...``: what has been used."""

from __future__ import annotations

import asyncio
import csv
import datetime
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ..errors import ApiError, ConfigurationError
from ..limits.limits import BILLION
from ..settings import Settings
from ..store.address import HINT, address_of, has_database
from .told import ToldGroup

if TYPE_CHECKING:
    from ..store.usage import By, Sums

_BY = ("key", "project", "model", "day")
_NUMBERS = (
    *("requests", "failed", "left", "prompt_tokens", "completion_tokens"),
    *("reasoning_tokens", "cached_tokens"),
)
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group("usage", cls=ToldGroup)
def usage() -> None:
    """Report what keys, projects and models have used."""


@usage.command("report")
@click.option("--by", type=click.Choice(_BY), default="key", show_default=True, help="What to add up by.")
@click.option("--since", type=_DAY, help="First day, in UTC. Default: all.")
@click.option("--until", type=_DAY, help="Last day, in UTC. Default: today.")
@click.option("--key", help="Only this key.")
@click.option("--project", help="Only this project.")
@click.option("--model", help="Only this model.")
@click.option(
    "--format", "form", type=click.Choice(("table", "csv", "json")), default="table", show_default=True, help="Form."
)
def report(
    by: By,
    since: datetime.datetime | None,
    until: datetime.datetime | None,
    key: str | None,
    project: str | None,
    model: str | None,
    form: str,
) -> None:
    """Print the requests, tokens and cost of each key, project, model or day."""
    settings = Settings.from_environment()
    if not has_database(settings):
        raise ConfigurationError(f"There is no database, so no usage is recorded. {HINT}")
    only = {name: value for name, value in (("key", key), ("project", project), ("model", model)) if value is not None}
    first, last = (None if day is None else day.date() for day in (since, until))
    try:
        found = asyncio.run(_report(settings, by, first, last, only))
    except ApiError as error:
        raise ConfigurationError(error.message) from None
    click.echo(_WRITERS[form](by, found), nl=False)


async def _report(
    settings: Settings, by: By, first: datetime.date | None, last: datetime.date | None, only: dict[str, str]
) -> list[Sums]:
    from ..store.database import Database
    from ..store.usage import Period
    from ..store.usage import report as report_usage

    database = Database(address_of(settings))
    try:
        return await report_usage(database, by, Period(first, last), only)
    finally:
        await database.close()


def _rows(by: str, found: list[Sums]) -> list[dict[str, str | int | float]]:
    return [
        {by: each.of, **{name: asdict(each)[name] for name in _NUMBERS}, "cost": each.cost / BILLION} for each in found
    ]


def _as_json(by: str, found: list[Sums]) -> str:
    return json.dumps(_rows(by, found), indent=2) + "\n"


def _as_csv(by: str, found: list[Sums]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, (by, *_NUMBERS, "cost"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(by, found))
    return text.getvalue()


def _as_table(by: str, found: list[Sums]) -> str:
    names = (by, *_NUMBERS, "cost")
    cells = [[name.replace("_", " ") for name in names]]
    for row in _rows(by, found):
        cells.append([f"{row[name]:.4f}" if name == "cost" else str(row[name]) or "-" for name in names])
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        + "\n"
        for line in cells
    )


_WRITERS = {"table": _as_table, "csv": _as_csv, "json": _as_json}
