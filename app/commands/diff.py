"""``parley contract diff``: what changed from one document to another."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click

from ..contract.document import Document
from ..documents.diff.documents import Difference, compare_documents
from ..documents.diff.schemas import Change
from ..errors import ConfigurationError
from .progress import progress
from .showing import plural

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("diff")
@click.argument("before", type=_file)
@click.argument("after", type=_file)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--fail-on-breaking", is_flag=True, help="Exit with status 1 if a change breaks clients.")
def diff_command(before: Path, after: Path, form: str, fail_on_breaking: bool) -> None:
    """Show what changed between two documents, and which changes break clients."""
    try:
        with progress() as shown:
            shown.at(f"{before}: reading it")
            old = Document.load(before)
            shown.at(f"{after}: reading it")
            new = Document.load(after)
            shown.at(f"{after}: comparing it with {before}")
            difference = compare_documents(old, new)
    except ConfigurationError as error:
        raise click.ClickException(f"{error} See `parley contract check`.") from None
    if form == "json":
        told = {
            "before": str(before),
            "after": str(after),
            "changes": [asdict(change) for change in difference.changes],
            "repeats": [asdict(repeat) for repeat in difference.repeats],
            "counts": _counts(difference),
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        click.echo(difference_text(difference))
    if fail_on_breaking and difference.count(True):
        raise SystemExit(1)


def difference_text(difference: Difference) -> str:
    """Changes for people, operation by operation, and their counts."""
    words = {True: "breaking", False: "non-breaking", None: "uncertain"}
    lines: list[str] = []
    touched = 0
    for operation, records in groupby(difference.records, lambda record: record.operation):
        touched += 1
        lines.append(operation)
        for record in records:
            where = " ".join(part for part in (record.place, record.path) if part)
            if isinstance(record, Change):
                lines.append(f"  {words[record.breaking]:<12}  {where}: {record.message}")
            else:
                lines.append(f"  {'':<12}  {where}: the changes of {record.schema}, as at {record.first}")
        lines.append("")
    number = ", ".join(f"{difference.count(key)} {word}" for key, word in words.items())
    total = plural(len(difference.changes), "change")
    return "\n".join([*lines, f"{total} in {plural(touched, 'operation')}: {number}" if touched else "no changes"])


def _counts(difference: Difference) -> dict[str, int]:
    return {
        "breaking": difference.count(True),
        "non_breaking": difference.count(False),
        "uncertain": difference.count(None),
    }
