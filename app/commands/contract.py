"""``flask --app wsgi contract ...``: looks at OpenAPI documents. Neither loads a model or what is being served."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from ..contract.document import Document
from ..contract.operations import Operation
from ..documents.diff.documents import Difference, compare_documents
from ..documents.diff.schemas import Change
from ..documents.lint.check import Report, Row, check_document
from ..documents.lint.findings import counts
from ..errors import ConfigurationError
from ..settings import Settings
from ..wiring import handlers_of
from .bundle import bundle_command
from .convert import convert_command
from .coverage import coverage_command

NO_HANDLER = "501"

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_format = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group("contract")
def contract() -> None:
    """Look at OpenAPI documents."""
    # What the parts of the server warn of when they read a document is a finding here.
    logging.getLogger("parley").setLevel(logging.ERROR)


contract.add_command(coverage_command)
contract.add_command(bundle_command)
contract.add_command(convert_command)


@contract.command("check")
@click.argument("file", type=_file)
@_format
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
def check(file: Path, form: str, strict: bool) -> None:
    """Find everything that is wrong with a document, and list its operations.

    The exit status is 1 when there is an error.
    """
    settings = Settings.from_environment()
    try:
        names = handler_names(handlers_of(settings).find)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    tells = settings.conventions == "document"
    report = check_document(file, names, allow_basic=settings.basic_auth, tells_errors=tells)
    number = counts(report.findings)
    if form == "json":
        rows = [asdict(row) for row in report.rows]
        findings = [asdict(finding) for finding in report.findings]
        _echo_json({"document": str(file), "findings": findings, "operations": rows, "counts": number})
    else:
        click.echo(report_text(report, file))
    if number["error"] or (strict and number["warning"]):
        raise SystemExit(1)


@contract.command("diff")
@click.argument("before", type=_file)
@click.argument("after", type=_file)
@_format
@click.option("--fail-on-breaking", is_flag=True, help="The exit status is 1 when a change breaks clients.")
def diff(before: Path, after: Path, form: str, fail_on_breaking: bool) -> None:
    """Tell what changed from one document to another, and which changes break clients."""
    try:
        difference = compare_documents(Document.load(before), Document.load(after))
    except ConfigurationError as error:
        raise click.ClickException(f"{error} See `flask --app wsgi contract check`.") from None
    if form == "json":
        changes = [asdict(change) for change in difference.changes]
        repeats = [asdict(repeat) for repeat in difference.repeats]
        number = _counts(difference)
        _echo_json(
            {"before": str(before), "after": str(after), "changes": changes, "repeats": repeats, "counts": number}
        )
    else:
        click.echo(difference_text(difference))
    if fail_on_breaking and difference.count(True):
        raise SystemExit(1)


def handler_names(find: Callable[[Operation], Callable[..., Any] | None]) -> Callable[[Operation], str]:
    """Names what answers an operation: a function, or `NO_HANDLER`."""

    def name(operation: Operation) -> str:
        try:
            handler = find(operation)
        except ConfigurationError:
            return "cannot be imported"
        return f"{handler.__module__}.{handler.__qualname__}" if handler else NO_HANDLER

    return name


def report_text(report: Report, file: Path) -> str:
    """A report for people: findings, operations, counts."""
    lines = []
    for f in report.findings:
        place = f"{file.parent / f.file}:{f.line}:{f.column}"
        lines += [
            f"{place}: {f.severity}: {f.rule} at {f.pointer or 'the top'}",
            f"    {f.message}. {_sentence(f.advice)}",
        ]
    lines += ["", *_table(report.rows)] if lines and report.rows else _table(report.rows)
    number = counts(report.findings)
    kinds = (("error", "error"), ("warning", "warning"), ("info", "note"))
    summary = ", ".join(_plural(number[severity], word) for severity, word in kinds)
    unanswered = sum(row.handler == NO_HANDLER for row in report.rows)
    tail = f"{_plural(len(report.rows), 'operation')}, {unanswered} without a handler" if report.rows else ""
    return "\n".join([*lines, "", summary + (f"; {tail}" if tail else "; the operations cannot be listed yet")])


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
    total = _plural(len(difference.changes), "change")
    return "\n".join([*lines, f"{total} in {_plural(touched, 'operation')}: {number}" if touched else "no changes"])


def _counts(difference: Difference) -> dict[str, int]:
    return {
        "breaking": difference.count(True),
        "non_breaking": difference.count(False),
        "uncertain": difference.count(None),
    }


def _table(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    cells = [("method", "path", "operationId", "answered by", "security", "schemas")]
    for row in rows:
        ways = " or ".join(" and ".join(way) or "none" for way in row.security) or "none"
        schemas = row.schemas
        cells.append(
            (
                row.method,
                row.path,
                row.id + (" (derived)" if row.derived else ""),
                row.handler,
                ways,
                f"{sum(schemas)} of {len(schemas)} compiled",
            )
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in cells]


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(("?", ".")) else text + "."


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _echo_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
