"""The command `parley`, and the same commands for ``flask --app wsgi``."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import click

from .commands.lazy import LazyGroup

if TYPE_CHECKING:
    import flask

HELP = """Serve language models by an OpenAPI document, and look at models, documents and servers.

\b
First steps:
  parley serve                        serve the bundled model on 127.0.0.1:8080
  parley models pull smollm2          download a small real model
  parley serve --model smollm2        serve it
  parley contract check FILE          find what is wrong with an OpenAPI document
  parley serve --spec FILE --mock all serve mocks of it

`parley COMMAND --help` tells more of each.
"""

COMMANDS = {
    "serve": ("serve:serve_command", "Start the server."),
    "models": ("models:models", "List, show and download models."),
    "keys": ("keys:keys_command", "Print the API keys' short names; create, rotate and revoke keys."),
    "limits": ("limits:limits", "Set and list the limits of keys, projects and models."),
    "admin": ("admin:admin", "Create, list and revoke the keys of the operators' API."),
    "audit": ("audit:audit_command", "Print who has changed keys, projects and limits."),
    "db": ("db:db", "Create the database, and bring it up to date."),
    "usage": ("usage:usage", "Report what keys, projects and models have used."),
    "settings": ("settings:settings_command", "Print every setting, its value and what it does."),
    "config": ("config:config", "Check what is to be served, before it is."),
    "contract": ("contract:contract", "Check, compare and convert OpenAPI documents."),
    "certify": ("certify:certify", "Find out what a server, ours or not, does with each parameter."),
}


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    try:
        click.echo(f"parley {version('parley')}")
    except PackageNotFoundError:
        click.echo("parley, a checkout that is not installed")
    ctx.exit()


parley = LazyGroup(
    "parley",
    lazy=COMMANDS,
    help=HELP,
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version and exit.",
        )
    ],
)


def for_flask() -> flask.Flask | None:
    """Return the application for ``flask --app wsgi`` when it looks up one of our commands: one with the commands only.
    None of them needs the served application, and some exist to find out why it cannot be built. Return None if Flask's
    command line does not load the application, or if one of Flask's own commands, which act on what is served, does.

    ``flask run`` becomes gunicorn, because Flask would serve only the inner application, over WSGI. Flask looks up its
    own commands first, so ``run`` cannot be replaced; but it loads the application before it serves.
    """
    from .frameworks.flask import command_application, flask_run, looks_for_commands

    if looks_for_commands():
        return command_application(parley)
    if (run := flask_run()) is not None:
        from .commands.serve import become_gunicorn

        if run.other:
            raise click.UsageError(
                f"gunicorn serves here, to which these options of Flask's mean nothing: {', '.join(run.other)}. "
                "Give its own in GUNICORN_CMD_ARGS, or to `parley serve`."
            )
        become_gunicorn(run.address)
    return None
