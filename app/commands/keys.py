"""``parley keys``: the API keys in force."""

from __future__ import annotations

import click

from ..settings import Settings
from ..web.keys import load_keys
from .told import Told


@click.command("keys", cls=Told)
def keys_command() -> None:
    """Print the short names of the API keys, and the generated key if there is one."""
    keys = load_keys(Settings.from_environment())
    for name in keys.names:
        click.echo(name)
    if keys.generated is not None:
        click.echo(f"generated: {keys.generated}")
