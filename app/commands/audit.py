"""``parley audit``: who has changed what."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ..settings import Settings
from .stored import with_database
from .told import Told
from .values import table

if TYPE_CHECKING:
    from ..store.audit import Entry

_HEAD = ("id", "time", "actor", "action", "subject", "detail")


@click.command("audit", cls=Told)
@click.option("--limit", type=click.IntRange(1), help="At most so many, the newest. Default: all.")
@click.option("--actor", help="Only changes by this operator's key, or by `command line`.")
@click.option("--action", help="Only changes of this kind, such as keys.create.")
@click.option("--subject", help="Only changes of this subject.")
@click.option(
    "--format", "form", type=click.Choice(("table", "csv", "json")), default="table", show_default=True, help="Form."
)
def audit_command(limit: int | None, actor: str | None, action: str | None, subject: str | None, form: str) -> None:
    """Print the changes of keys, projects and limits, the newest first, and who made them."""
    from ..store.audit import list_entries

    found = with_database(
        Settings.from_environment(),
        lambda database: list_entries(database, limit=limit, actor=actor, action=action, subject=subject),
    )
    click.echo(_WRITERS[form](found), nl=False)


def _as_json(entries: Sequence[Entry]) -> str:
    return json.dumps([asdict(entry) for entry in entries], indent=2) + "\n"


def _as_csv(entries: Sequence[Entry]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_HEAD, *map(_row, entries)])
    return text.getvalue()


def _as_table(entries: Sequence[Entry]) -> str:
    return table(tuple(name.upper() for name in _HEAD), map(_row, entries)) + "\n"


def _row(entry: Entry) -> tuple[str, ...]:
    moment = datetime.datetime.fromtimestamp(entry.time, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    detail = json.dumps(entry.detail, sort_keys=True) if entry.detail else ""
    return str(entry.id), moment, entry.actor, entry.action, entry.subject, detail


_WRITERS = {"table": _as_table, "csv": _as_csv, "json": _as_json}
