"""The undocumented behaviour of Flask, its command line and its router that we rely on:

- While ``flask`` runs, click's current context is that of `FlaskGroup` when the application is loaded to find a command
  in it or to list its commands, and that of `run_command` when it is loaded to be served.
- ``flask run`` loads the application before it listens anywhere, and has its address in ``host`` and ``port``.
- It looks up commands in the application's ``cli`` only through click's ``list_commands`` and ``get_command``.
- A rule of Werkzeug's router gets each of its URL builders from ``_compile_builder(append_unknown)``, as a function
  that is bound to the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import click
import flask
from click.core import ParameterSource
from flask.cli import FlaskGroup, run_command
from werkzeug.routing import Rule


def looks_for_commands() -> bool:
    """Return whether ``flask`` loads the application to find a command in it, or to list its commands."""
    context = click.get_current_context(silent=True)
    return context is not None and isinstance(context.command, FlaskGroup)


def command_application(commands: click.Group) -> flask.Flask:
    """Return an application that serves nothing and has the commands of a group."""
    app = flask.Flask("parley", static_folder=None)
    app.cli = commands
    return app


@dataclass(frozen=True, slots=True)
class FlaskRun:
    """The options of ``flask run``: the parts of the ``address`` that were given, and the names of ``other`` options
    that were set on the command line or in environment variables."""

    address: dict[str, str]
    other: list[str]


def flask_run() -> FlaskRun | None:
    """Return the ``flask run`` that loads the application; None: something else loads it."""
    context = click.get_current_context(silent=True)
    if context is None or context.command is not run_command:
        return None
    untold = {ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP, None}
    address = {
        name: str(context.params[name])
        for name in ("host", "port")
        if context.get_parameter_source(name) not in (ParameterSource.DEFAULT, None)
    }
    other = [
        name
        for name in context.params
        if name not in ("host", "port") and context.get_parameter_source(name) not in untold
    ]
    return FlaskRun(address, other)


class QuickRule(Rule):
    """A rule that compiles its URL builders lazily. Nothing here builds URLs, and compiling the rules of a large
    document took a quarter of the startup time."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_now = super()._compile_builder

        def build(rule: Rule, **values: object) -> tuple[str, str]:
            return compile_now(append_unknown)(rule, **values)

        return build
