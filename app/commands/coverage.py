"""``flask --app wsgi contract coverage``: what becomes of each property of the document with a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import groupby

import click

from ..chat.coverage import CHATS, Line, Surface, coverage, totals
from ..chat.service import Chat
from ..chat.tables import check_operation
from ..completions.produced import TEXTS
from ..completions.service import Completions
from ..configuration.served import engine_of, known_models
from ..contract.operations import operations
from ..embeddings.produced import VECTORS
from ..embeddings.service import Embeddings
from ..errors import BadRequest
from ..settings import Settings
from ..wiring import model_operations, served_document

_SURFACES: Mapping[type[Chat], Surface] = {Chat: CHATS, Completions: TEXTS, Embeddings: VECTORS}


@click.command("coverage")
@click.option("--model", "model_id", metavar="ID", help="The model. Without it: the first.")
@click.option("--operation", "operation_id", metavar="ID", help="The operation. Without it: that of chats.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def coverage_command(model_id: str | None, operation_id: str | None, as_json: bool) -> None:
    """Print what becomes of each property of a request to a model and its answers, and the totals."""
    settings = Settings.from_environment()
    models = known_models(settings)
    model = next((model for model in models if model_id in (None, model.id, *model.aliases)), None)
    if model is None:
        raise click.ClickException("there is no such model; see `models list`")
    document = served_document(settings, engine_of(settings).extra)
    answered = model_operations(settings, operations(document))
    if operation_id is None:
        chosen = next((pair for pair in answered if pair[1] is Chat), None)
    else:
        chosen = next((pair for pair in answered if pair[0].id == operation_id), None)
    if chosen is None:
        known = ", ".join(operation.id for operation, _ in answered) or "none"
        raise click.ClickException(f"the document has no such operation that a model answers; it has: {known}")
    operation, domain = chosen
    try:
        check_operation(model, domain.table.operation)
    except BadRequest as error:
        raise click.ClickException(error.message) from None
    lines = coverage(document, operation, model, _SURFACES[domain])
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
