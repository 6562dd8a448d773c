"""The server's commands: ``flask --app wsgi ...``, and ``parley ...`` where the package is installed."""

from __future__ import annotations

import os
import sys

import click
import flask
from msgspec.structs import fields

from .commands.certify import certify
from .commands.config import config
from .commands.contract import contract
from .commands.models import models
from .commands.told import Told, ToldGroup
from .frameworks.flask import flask_run, looks_for_commands
from .settings import Settings, variable
from .tables import help_of, is_secret
from .web.keys import load_keys


def register(app: flask.Flask) -> None:
    """Add the commands to a Flask application, where ``flask`` finds them."""
    for command in (_settings, _keys, models, config, contract, certify):
        app.cli.add_command(command)


def commands_alone() -> flask.Flask | None:
    """An application with nothing but the commands, if ``flask`` loads one to find a command in it: none of them needs
    what is served, and some are there to find out why it cannot be. None: it is loaded for another reason."""
    if not looks_for_commands():
        return None
    app = flask.Flask("parley", static_folder=None)
    register(app)
    return app


def take_over_flask_run() -> None:
    """Become gunicorn when ``flask run`` is what loads the application.

    Flask's command would serve the inner application alone, by WSGI. It cannot be replaced by an application's own,
    for Flask looks its built-in commands up first; but it loads the application before it serves.
    """
    run = flask_run()
    if run is None:
        return
    if run.other:
        raise click.UsageError(
            f"gunicorn serves here, to which these options of Flask's mean nothing: {', '.join(run.other)}. "
            "Give its own in GUNICORN_CMD_ARGS."
        )
    environment = {**os.environ, **{f"PARLEY_{name.upper()}": value for name, value in run.address.items()}}
    os.execve(sys.executable, [sys.executable, "-m", "gunicorn", "-c", "python:app.serving", "wsgi:app"], environment)


@click.command("settings", cls=Told)
def _settings() -> None:
    """Print every setting, its value in force and what it does."""
    settings = Settings.from_environment()
    for field in fields(settings):
        value: object = getattr(settings, field.name)
        if is_secret(field):
            value = f"{len(value) if isinstance(value, tuple) else int(value is not None)} configured"
        click.echo(f"{variable(field.name)} = {value}\n    {help_of(field)}")


@click.command("keys", cls=Told)
def _keys() -> None:
    """Print the short names of the API keys in force, and the generated key if there is one."""
    keys = load_keys(Settings.from_environment())
    for name in keys.names:
        click.echo(name)
    if keys.generated is not None:
        click.echo(f"generated: {keys.generated}")


@click.group("parley", cls=ToldGroup)
def parley() -> None:
    """A chat-completions server's commands. To serve: gunicorn -c python:app.serving wsgi:app"""


for _command in (_settings, _keys, models, config, contract, certify):
    parley.add_command(_command)
