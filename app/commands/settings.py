"""``parley settings``: every setting with its value in force."""

from __future__ import annotations

import click
from msgspec.structs import fields

from ..settings import Settings, variable
from ..tables import help_of, is_secret
from .told import Told


@click.command("settings", cls=Told)
def settings_command() -> None:
    """Print every setting, its value and what it does."""
    settings = Settings.from_environment()
    for field in fields(settings):
        value: object = getattr(settings, field.name)
        if is_secret(field):
            value = f"{len(value) if isinstance(value, tuple) else int(value is not None)} configured"
        click.echo(f"{variable(field.name)} = {value}\n    {help_of(field)}")
