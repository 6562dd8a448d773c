"""``parley models ...``: the models that are served, and those that can be had by their names."""

from __future__ import annotations

import sys

import click

from ..chat.support import support_table
from ..chat.tables import CHAT, STORING
from ..completions.parameters import TEXT
from ..configuration.served import known_models
from ..embeddings.parameters import EMBEDDING
from ..errors import ConfigurationError
from ..model_files.catalogue import CATALOGUE
from ..model_files.fetching import fetch
from ..model_files.pulling import pull
from ..model_files.reference import PREFIX
from ..model_files.storing import megabytes
from ..settings import Settings, state_folder
from ..store.address import has_database
from .told import ToldGroup


@click.group("models", cls=ToldGroup)
def models() -> None:
    """List, show and download models."""


@models.command("list")
def list_models() -> None:
    """Print the ids and aliases of the served models, and the catalogue of models that can be downloaded."""
    settings = Settings.from_environment()
    failure = None
    try:
        for model in known_models(settings):
            click.echo(" ".join((model.id, *model.aliases)))
    except ConfigurationError as error:
        failure = error
    click.echo("\nThe catalogue, for PARLEY_MODEL, by `models pull NAME`:")
    state = state_folder(settings)
    for pinned in CATALOGUE.values():
        there = f"in {pinned.path(state)}" if pinned.is_there(state) else "not pulled"
        click.echo(f"{pinned.name}  {megabytes(pinned.size)}  {pinned.licence}  {there}  {pinned.about}")
    if failure is not None:
        raise failure


@models.command("show")
@click.argument("model_id")
def show_model(model_id: str) -> None:
    """Print what a model does with each parameter of each operation that it answers."""
    settings = Settings.from_environment()
    every = (STORING if has_database(settings) else CHAT, TEXT, EMBEDDING)
    for model in known_models(settings):
        if model_id in (model.id, *model.aliases):
            tables = [table for table in every if table.operation in model.operations]
            click.echo("\n\n".join(support_table(model, table) for table in tables))
            return
    raise click.ClickException("there is no such model; see `models list`")


@models.command("pull")
@click.argument("name")
def pull_model(name: str) -> None:
    """Download and verify a model of the catalogue, or of a hub (hf:org/repo:file), for PARLEY_MODEL=NAME."""
    if name.startswith(PREFIX):
        click.echo(fetch(name, click.echo))
        return
    state = state_folder(Settings.from_environment())
    if name not in CATALOGUE:
        raise click.ClickException(f"there is no such model in the catalogue, which has: {', '.join(CATALOGUE)}")
    pull(CATALOGUE[name], state, click.echo, shows=sys.stderr.isatty())
