"""``parley keys ...``: the API keys, those of the settings and those of the database."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ..settings import Settings
from ..store.address import has_database
from ..web.keys import load_keys
from .stored import model_ids, with_database
from .told import ToldGroup
from .values import duration, measure, moment, shown_limits, table, told_limits, told_time

if TYPE_CHECKING:
    from ..store.keys import Key, Made

_FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", help="For people, or for programs."
)


@click.group("keys", cls=ToldGroup, invoke_without_command=True)
@click.pass_context
def keys_command(ctx: click.Context) -> None:
    """Print the short names of the API keys, and the generated key if there is one; create, show and revoke keys.

    Keys that are created are in the database, which is made with the first one.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = Settings.from_environment()
    stored = _stored(settings)
    keys = load_keys(settings, others=bool(stored))
    for name in (*keys.names, *stored):
        click.echo(name)
    if keys.generated is not None:
        click.echo(f"generated: {keys.generated}")


@keys_command.command("create")
@click.argument("name")
@click.option("--project", default="default", help="The project it belongs to, which is created if there is none.")
@click.option("--expires", type=moment, help="When it expires: after a time such as 30d, or on a day.")
@click.option("--model", "models", multiple=True, help="A model that it may use; may be given again. Default: all.")
@click.option("--limit", "limits", type=measure, multiple=True, help="A limit, such as requests_per_minute=60.")
@click.option("--budget", help="The most it may cost in a month, in your currency, such as 10.00.")
@click.option("--budget-tokens", help="The most tokens it may use in a month.")
def create(
    name: str,
    project: str,
    expires: int | None,
    models: tuple[str, ...],
    limits: tuple[tuple[str, int | None], ...],
    budget: str | None,
    budget_tokens: str | None,
) -> None:
    """Create a key, and print its secret, which is not stored and cannot be printed again."""
    from ..store.audit import COMMAND_LINE
    from ..store.keys import check_new_key, create_key

    settings = Settings.from_environment()
    measures = dict(limits)
    for monthly, given in (("money_per_month", budget), ("tokens_per_month", budget_tokens)):
        if given is not None:
            measures |= [measure(f"{monthly}={given}")]
    allowed = tuple(model_ids(settings, models)) if models else None
    check_new_key(name, project, allowed, expires)
    made = with_database(
        settings,
        lambda database: create_key(
            database, COMMAND_LINE, name, project=project, models=allowed, expires_at=expires, measures=measures
        ),
        make=True,
    )
    _print_once(made, f"The key {name} of the project {project} was created.")


@keys_command.command("list")
@click.option("--project", help="Only the keys of a project.")
@_FORMAT
def list_keys(project: str | None, form: str) -> None:
    """List the keys of the database."""
    from ..store.keys import list_keys as stored

    keys = with_database(Settings.from_environment(), lambda database: stored(database, project=project))
    if form == "json":
        click.echo(json.dumps([_plain(key) for key in keys], indent=2))
        return
    head = ("NAME", "PROJECT", "STATUS", "SECRET", "CREATED", "EXPIRES", "MODELS", "LIMITS")
    click.echo(table(head, [_row(key) for key in keys]))


@keys_command.command("show")
@click.argument("name")
@_FORMAT
def show(name: str, form: str) -> None:
    """Show a key of the database. Of its secrets, only the beginnings are known."""
    from ..store.keys import find_key

    key = with_database(Settings.from_environment(), lambda database: find_key(database, name))
    if form == "json":
        click.echo(json.dumps(_plain(key), indent=2))
        return
    told = {
        "name": key.name,
        "project": key.project,
        "status": key.status,
        "created": told_time(key.created_at),
        "expires": told_time(key.expires_at, without="never"),
        **({"revoked": told_time(key.revoked_at)} if key.revoked_at is not None else {}),
        "models": ", ".join(key.models) if key.models is not None else "all",
        "limits": told_limits(key.limits, without="none"),
    }
    for field, value in told.items():
        click.echo(f"{field:9}{value}")
    for secret in key.secrets:
        until = f", valid until {told_time(secret.expires_at)}" if secret.expires_at is not None else ""
        click.echo(f"secret   {secret.prefix}..., made {told_time(secret.created_at)}{until}")


@keys_command.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Revoke a key for ever. Servers refuse it within PARLEY_KEY_CACHE seconds."""
    from ..store.audit import COMMAND_LINE
    from ..store.keys import revoke_key

    with_database(Settings.from_environment(), lambda database: revoke_key(database, COMMAND_LINE, name))
    click.echo(f"The key {name} is revoked.")


@keys_command.command("rotate")
@click.argument("name")
@click.option("--grace", type=duration, default="0s", help="How long the old secret stays valid, such as 1h.")
def rotate(name: str, grace: int) -> None:
    """Give a key a new secret, and print it. The old one is no longer valid."""
    from ..store.audit import COMMAND_LINE
    from ..store.keys import rotate_key

    made = with_database(
        Settings.from_environment(), lambda database: rotate_key(database, COMMAND_LINE, name, grace=grace)
    )
    _print_once(made, f"The key {name} has a new secret.")


def _stored(settings: Settings) -> list[str]:
    """Return the names of the keys in the database that are valid."""
    if not has_database(settings):
        return []
    from ..store.keys import list_keys as stored

    found = with_database(settings, lambda database: stored(database))
    return [key.name for key in found if key.status == "active"]


def _print_once(made: Made, said: str) -> None:
    # The secret alone goes to standard output: KEY=$(parley keys create NAME).
    click.echo(f"{said} Its secret is shown this once:", err=True)
    click.echo(made.secret)


def _row(key: Key) -> tuple[str, ...]:
    return (
        key.name,
        key.project,
        key.status,
        f"{key.secrets[0].prefix}..." if key.secrets else "",
        told_time(key.created_at),
        told_time(key.expires_at, without="never"),
        ",".join(key.models) if key.models is not None else "all",
        told_limits(key.limits, without="none"),
    )


def _plain(key: Key) -> dict[str, Any]:
    return {**asdict(key), "status": key.status, "limits": shown_limits(key.limits)}
