"""How gunicorn's workers load the application, and how the command `parley` starts."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from .errors import ConfigurationError, DocumentError, UnusablePart
from .frameworks.gunicorn import load_failure, wsgi_worker

if TYPE_CHECKING:
    from connexion import FlaskApp

    from .admin.beside import Beside
    from .web.reloading import Reloading


def load() -> FlaskApp | Reloading | Beside:
    """Return the application that is served. A failure ends the start with a one-sentence message."""
    try:
        if (worker := wsgi_worker()) is not None:
            # It would answer every request with 500. The check here finds it, whatever set it.
            raise wrong_worker(worker)
        from . import create_app

        return create_app()
    except ConfigurationError as error:
        if (failure := load_failure(f"parley: {told(error)}")) is not None:
            raise failure from None
        stop(error)


def command_line() -> None:
    """Run the command `parley`."""
    from .cli import parley

    # As gunicorn does, so that the user's handlers can be imported from the working directory.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    parley()


def wrong_worker(name: str) -> ConfigurationError:
    """Return the error for a gunicorn worker class that speaks WSGI."""
    return ConfigurationError(
        f"gunicorn's worker class is {name}, which cannot serve this application. Set it to asgi: leave out -k and "
        "--worker-class to use gunicorn.conf.py, or pass -k asgi."
    )


def stop(error: ConfigurationError) -> NoReturn:
    """Print the error on standard error and exit with status 1."""
    print(f"parley: {told(error)}", file=sys.stderr)
    raise SystemExit(1)


def told(error: ConfigurationError) -> str:
    """Return the human-readable text of an error."""
    text = str(error)
    if not isinstance(error, DocumentError):
        return text
    lenience = " PARLEY_LENIENT=1 serves the rest." if isinstance(error, UnusablePart) else ""
    end = "" if text.endswith(".") else "."
    return f"{text}{end}{lenience} To see everything that is wrong with it: parley contract check FILE"
