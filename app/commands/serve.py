"""``parley serve``: the command becomes gunicorn, with our configuration of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn, get_args, get_origin

import click
from msgspec.structs import FieldInfo, fields

from ..settings import Settings, variable
from ..tables import base_type, help_of
from .told import Told

# The settings of a first try; all others are given as variables of the environment.
_SETTINGS = ("host", "port", "model", "config", "spec", "mock", "reload")


def become_gunicorn(given: Mapping[str, str], arguments: Sequence[str] = ()) -> NoReturn:
    """End this program and be gunicorn in its place: with settings ``given`` by name, and ``arguments`` of its own."""
    environment = {**os.environ, **{variable(name): value for name, value in given.items()}}
    # Not app.serving, which a module `app` in the folder that the server starts in would hide.
    command = [sys.executable, "-m", "gunicorn", "-c", "python:parley.serving", *arguments]
    os.execve(sys.executable, command, environment)


def _option(field: FieldInfo) -> click.Option:
    """A setting as an option."""
    kind = base_type(field.type)
    words: dict[str, Any] = {"help": f"{help_of(field)} [{variable(field.name)}]"}
    if kind is bool:
        words["is_flag"] = True
    elif get_origin(kind) is Literal:
        words["type"] = click.Choice(get_args(kind))
    elif kind is int:
        words |= {"type": int, "metavar": "NUMBER"}
    else:
        words |= {"type": str, "metavar": field.name.upper()}
    return click.Option([f"--{field.name}"], **words)


def _serve(workers: int | None, gunicorn: tuple[str, ...], **settings: object) -> None:
    """Start the server, by default on 127.0.0.1:8080 with the bundled model.

    Each option stands for the setting in brackets, a variable of the environment, and wins over it; `parley settings`
    shows all settings. The server is gunicorn: what follows `--` are its own options, such as
    `parley serve -- --certfile FILE --keyfile FILE`.
    """
    if gunicorn and not gunicorn[0].startswith("-"):
        raise click.UsageError(
            f"{gunicorn[0]!r} is not an option. A model is named by --model, a document by --spec; options of gunicorn "
            "follow `--`."
        )
    # By identity: 0, any free port, is as good as False.
    told = {name: value for name, value in settings.items() if value is not None and value is not False}
    given = {name: "1" if value is True else str(value) for name, value in told.items()}
    become_gunicorn(given, [*(["-w", str(workers)] if workers else []), *gunicorn])


_known = {field.name: field for field in fields(Settings)}
serve_command = Told(
    "serve",
    callback=_serve,
    help=_serve.__doc__,
    params=[
        *(_option(_known[name]) for name in _SETTINGS),
        click.Option(
            ["--workers"], type=click.IntRange(1), metavar="NUMBER", help="Processes that serve. [WEB_CONCURRENCY]"
        ),
        click.Argument(["gunicorn"], nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTIONS OF GUNICORN]"),
    ],
)
