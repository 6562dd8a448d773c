"""Commands that tell what is wrong with a configuration in a sentence."""

from __future__ import annotations

from typing import Any

import click

from ..errors import ConfigurationError


class Told(click.Command):
    """A command that a `ConfigurationError` ends with its sentence and the exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            raise click.ClickException(str(error)) from None


class ToldGroup(Told, click.Group):
    """As `Told`, for all commands of a group."""
