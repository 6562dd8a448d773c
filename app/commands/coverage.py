"""``flask --app wsgi contract coverage``: what becomes of each property of the document with a model."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby

import click

from ..chat.coverage import Line, coverage, totals
from ..configuration.served import engine_of, known_models
from ..contract.operations import operations
from ..settings import Settings
from ..wiring import chat_operations, served_document


@click.command("coverage")
@click.option("--model", "model_id", metavar="ID", help="The model. Without it: the first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def coverage_command(model_id: str | None, as_json: bool) -> None:
    """Print what becomes of each property of a chat request and its answers, and the totals."""
    settings = Settings.from_environment()
    models = known_models(settings)
    model = next((model for model in models if model_id in (None, model.id, *model.aliases)), None)
    if model is None:
        raise click.ClickException("there is no such model; see `models list`")
    document = served_document(settings, engine_of(settings).extra)
    operation = next(iter(chat_operations(settings, operations(document))), None)
    if operation is None:
        raise click.ClickException("the document has no operation that the chat handler answers")
    lines = coverage(document, operation, model)
    if as_json:
        report = {"model": model.id, "totals": totals(lines), "properties": [asdict(line) for line in lines]}
        click.echo(json.dumps(report, indent=1))
        return
    for side, group in groupby(lines, key=lambda line: line.side):
        _print(side, list(group))
    click.echo(f"{model.id}: {totals(lines)}")


def _print(side: str, lines: list[Line]) -> None:
    width = max(len(line.path) for line in lines)
    click.echo(side)
    for line in lines:
        click.echo(f"  {line.path:{width}}  {line.fate:9} {line.note}".rstrip())
    click.echo(f"  {totals(lines)}\n")
