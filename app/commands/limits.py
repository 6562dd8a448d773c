"""``parley limits ...``: what keys, projects and models may use."""

from __future__ import annotations

import json

import click

from ..limits.limits import KINDS, MEASURES
from ..settings import Settings
from .stored import model_ids, with_database
from .told import ToldGroup
from .values import measure, shown_limits, table, told_limits

_KIND = click.argument("kind", type=click.Choice(KINDS))


@click.group("limits", cls=ToldGroup)
def limits() -> None:
    """Set and list the limits of keys, projects and models.

    Servers know a change within PARLEY_KEY_CACHE seconds.
    """


@limits.command("set", epilog=f"There are: {', '.join(MEASURES)}.")
@_KIND
@click.argument("name")
@click.argument("measures", type=measure, nargs=-1, required=True, metavar="MEASURE=VALUE...")
def set_limits(kind: str, name: str, measures: tuple[tuple[str, int | None], ...]) -> None:
    """Set limits of a key, a project or a model, such as requests_per_minute=60; `none` removes one.

    Limits that are not named stay as they are. Keys of the settings have limits by their short names.
    """
    from ..store.audit import COMMAND_LINE
    from ..store.limits import set_limits as stored

    settings = Settings.from_environment()
    subject = _subject(settings, kind, name)
    now = with_database(settings, lambda database: stored(database, COMMAND_LINE, kind, subject, dict(measures)))
    click.echo(f"{kind} {subject}: {told_limits(now, without='no limits')}")


@limits.command("clear")
@_KIND
@click.argument("name")
def clear(kind: str, name: str) -> None:
    """Remove all limits of a key, a project or a model."""
    from ..store.audit import COMMAND_LINE
    from ..store.limits import clear_limits

    settings = Settings.from_environment()
    subject = _subject(settings, kind, name)
    with_database(settings, lambda database: clear_limits(database, COMMAND_LINE, kind, subject))
    click.echo(f"{kind} {subject}: no limits")


@limits.command("list")
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", help="For people, or for programs."
)
def list_limits(form: str) -> None:
    """List all limits."""
    from ..store.limits import list_limits as stored

    found = with_database(Settings.from_environment(), lambda database: stored(database))
    if form == "json":
        plain = [{"kind": each.kind, "name": each.subject, "limits": shown_limits(each.limits)} for each in found]
        click.echo(json.dumps(plain, indent=2))
        return
    rows = [(each.kind, each.subject, told_limits(each.limits)) for each in found]
    click.echo(table(("KIND", "NAME", "LIMITS"), rows))


def _subject(settings: Settings, kind: str, name: str) -> str:
    return model_ids(settings, [name])[0] if kind == "model" else name
