"""``parley admin ...``: the operators' keys."""

from __future__ import annotations

import click

from ..admin.keys import create_key, key_file, read_keys, revoke_key
from ..settings import Settings
from .told import ToldGroup


@click.group("admin", cls=ToldGroup)
def admin() -> None:
    """Create, list and revoke the keys of the operators' API."""


@admin.group("keys", cls=ToldGroup)
def keys() -> None:
    """Create, list and revoke the keys of the operators' API.

    They are in a file, as hashes; a server reads it again when it changes. They do not open the API of clients.
    """


@keys.command("create")
@click.argument("name")
def create(name: str) -> None:
    """Create a key, and print its secret, which is not stored and cannot be printed again."""
    settings = Settings.from_environment()
    path = key_file(settings)
    secret = create_key(path, name)
    click.echo(f"The key {name} is in {path}. This is its only copy:", err=True)
    click.echo(secret)
    if settings.admin_bind is None:
        click.echo("The operators' API is served once PARLEY_ADMIN_BIND is set, such as to 127.0.0.1:8081.", err=True)


@keys.command("list")
def list_keys() -> None:
    """Print the names of the keys."""
    for name in read_keys(key_file(Settings.from_environment())):
        click.echo(name)


@keys.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Revoke a key. It is refused from the next request on."""
    revoke_key(key_file(Settings.from_environment()), name)
    click.echo(f"The key {name} is revoked.")
