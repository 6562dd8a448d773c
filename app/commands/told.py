"""Commands that tell in a sentence what is wrong with a configuration, or with what they are given."""

from __future__ import annotations

from typing import Any

import click

from ..errors import ApiError, ConfigurationError


class Told(click.Command):
    """A command that a `ConfigurationError` or an `ApiError` ends with its sentence and the exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            raise click.ClickException(str(error)) from None
        except ApiError as error:
            raise click.ClickException(error.message) from None


class ToldGroup(Told, click.Group):
    """As `Told`, for all commands of a group."""
