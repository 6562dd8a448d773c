"""``parley contract coverage``: what becomes of each property of the document with a model."""

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
from ..domains import asking_operations, served_document
from ..embeddings.produced import VECTORS
from ..embeddings.service import Embeddings
from ..engines.base import Model
from ..errors import BadRequest
from ..responses.produced import ITEMS
from ..responses.service import Responses
from ..settings import Settings

_SURFACES: Mapping[type, Surface] = {Chat: CHATS, Completions: TEXTS, Embeddings: VECTORS, Responses: ITEMS}


@click.command("coverage")
@click.option("--model", "model_id", metavar="ID", help="Model to report on. Default: the first.")
@click.option(
    "--operation", "operation_id", metavar="ID", help="Operation to report on. Default: all that the model answers."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def coverage_command(model_id: str | None, operation_id: str | None, as_json: bool) -> None:
    """Print what happens to each property of requests to a model and of its answers, and the totals.

    The report covers each operation of the document that the model answers: chat completions, completions, embeddings
    and responses.
    """
    settings = Settings.from_environment()
    models = known_models(settings)
    model = next((model for model in models if model_id in (None, model.id, *model.aliases)), None)
    if model is None:
        raise click.ClickException("there is no such model; see `models list`")
    document = served_document(settings, engine_of(settings).extra)
    answered = [
        (operation, _SURFACES[service]) for operation, service in asking_operations(settings, operations(document))
    ]
    chosen = [pair for pair in answered if operation_id in (None, pair[0].id)]
    if not chosen:
        known = ", ".join(operation.id for operation, _ in answered) or "none"
        raise click.ClickException(f"the document has no such operation that a model answers; it has: {known}")
    if operation_id is None:
        chosen = [pair for pair in chosen if pair[1].operation in model.operations]
    else:
        _check(model, chosen[0][1])
    told = {operation.id: coverage(document, operation, model, surface) for operation, surface in chosen}
    every = [line for lines in told.values() for line in lines]
    if as_json:
        found = [
            {"operation": name, "totals": totals(lines), "properties": [asdict(line) for line in lines]}
            for name, lines in told.items()
        ]
        click.echo(json.dumps({"model": model.id, "totals": totals(every), "operations": found}, indent=1))
        return
    for name, lines in told.items():
        for side, group in groupby(lines, key=lambda line: line.side):
            _print(f"{name}: {side}", list(group))
    for name, lines in told.items() if len(told) > 1 else ():
        click.echo(f"{name}: {totals(lines)}")
    click.echo(f"{model.id}: {totals(every)}")


def _check(model: Model, surface: Surface) -> None:
    try:
        check_operation(model, surface.operation)
    except BadRequest as error:
        raise click.ClickException(error.message) from None


def _print(title: str, lines: list[Line]) -> None:
    width = max(len(line.path) for line in lines)
    click.echo(title)
    for line in lines:
        click.echo(f"  {line.path:{width}}  {line.fate:9} {line.note}".rstrip())
    click.echo(f"  {totals(lines)}\n")
