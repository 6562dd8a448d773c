"""``parley contract check``: what is wrong with a document, and the operations that it has."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ..configuration.document import handlers_of
from ..contract.operations import Operation
from ..documents.lint.check import Report, Row, check_document
from ..documents.lint.findings import Finding, counts
from ..documents.lint.rules import RULES
from ..errors import ConfigurationError
from ..settings import Settings
from .progress import progress
from .reports import junit, sarif, sentence
from .showing import plural

NO_HANDLER = "501"

# Findings of a rule beyond the first number are folded, so that no more than the second are shown.
_UNFOLDED = 5
_SHOWN = 3


class _CannotCheck(click.ClickException):
    """What keeps the command from checking, whatever the document is."""

    exit_code = 2


def _known(_context: click.Context, _parameter: click.Parameter, rules: tuple[str, ...]) -> tuple[str, ...]:
    for rule in rules:
        if rule not in RULES:
            raise click.BadParameter(f"there is no rule {rule}. There are: {', '.join(RULES)}.")
    return rules


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif", "junit"]), default="text", show_default=True
)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option(
    "--ignore",
    "ignored",
    metavar="RULE",
    multiple=True,
    callback=_known,
    help="Leave out the findings of a rule; may be repeated. Errors that prevent serving are always shown.",
)
@click.option("--all", "everything", is_flag=True, help="Show every finding, also of rules that have many.")
def check_command(file: Path, form: str, strict: bool, ignored: tuple[str, ...], everything: bool) -> None:
    """Report errors and warnings in a document, and list its operations.

    The exit status is 0 without errors, 1 with errors, and 2 when nothing could be checked because an option is wrong
    or the file is missing.
    """
    try:
        settings = Settings.from_environment()
        names = handler_names(handlers_of(settings).find)
    except ConfigurationError as error:
        raise _CannotCheck(str(error)) from None
    with progress() as shown:
        report = check_document(
            file,
            names,
            allow_basic=settings.basic_auth,
            tells_errors=settings.conventions == "document",
            at=lambda step: shown.at(f"{file}: {step}"),
        ).without(ignored)
    number = counts(report.findings)
    if form == "json":
        rows = [asdict(row) for row in report.rows]
        findings = [asdict(finding) for finding in report.findings]
        told = {"document": str(file), "findings": findings, "operations": rows, "counts": number}
        _echo_json({**told, "ignored": report.ignored})
    elif form == "sarif":
        _echo_json(sarif(report.findings, file))
    elif form == "junit":
        click.echo(junit(report.findings, file))
    else:
        click.echo(report_text(report, file, everything=everything))
    if number["error"] or (strict and number["warning"]):
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


def report_text(report: Report, file: Path, *, everything: bool = False) -> str:
    """A report for people: findings, operations, counts. Many findings of one rule are folded unless ``everything`` is
    to be shown."""
    lines = _findings(report.findings, file.parent, everything)
    lines += ["", *_table(report.rows)] if lines and report.rows else _table(report.rows)
    number = counts(report.findings)
    kinds = (("error", "error"), ("warning", "warning"), ("info", "note"))
    summary = ", ".join(plural(number[severity], word) for severity, word in kinds)
    summary += f", {report.ignored} ignored" if report.ignored else ""
    unanswered = sum(row.handler == NO_HANDLER for row in report.rows)
    tail = f"{plural(len(report.rows), 'operation')}, {unanswered} without a handler" if report.rows else ""
    return "\n".join([*lines, "", summary + (f"; {tail}" if tail else "; the operations cannot be listed yet")])


def _findings(findings: list[Finding], folder: Path, everything: bool) -> list[str]:
    lines = []
    total = Counter((finding.severity, finding.rule) for finding in findings)
    seen: Counter[tuple[str, str]] = Counter()
    for f in findings:
        kind = f.severity, f.rule
        seen[kind] += 1
        if not everything and total[kind] > _UNFOLDED and seen[kind] > _SHOWN:
            continue
        lines += [
            f"{folder / f.file}:{f.line}:{f.column}: {f.severity}: {f.rule} at {f.pointer or 'the top'}",
            f"    {f.message}. {sentence(f.advice)}",
        ]
        if not everything and total[kind] > _UNFOLDED and seen[kind] == _SHOWN:
            lines.append(f"    and {total[kind] - _SHOWN} more of {f.rule}; --all shows them")
    return lines


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


def _echo_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
