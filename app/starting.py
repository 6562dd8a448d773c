"""How the application is loaded by gunicorn's workers, and how the command `parley` begins."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from .errors import ConfigurationError, DocumentError, UnusablePart
from .frameworks.gunicorn import load_failure, wsgi_worker

if TYPE_CHECKING:
    from connexion import FlaskApp

    from .web.reloading import Reloading


def load() -> FlaskApp | Reloading:
    """The application that is served. A failure ends the start with a sentence."""
    try:
        if (worker := wsgi_worker()) is not None:
            # It would answer every request with 500: found out here, whatever set it.
            raise wrong_worker(worker)
        from . import create_app

        return create_app()
    except ConfigurationError as error:
        if (failure := load_failure(f"parley: {told(error)}")) is not None:
            raise failure from None
        stop(error)


def command_line() -> None:
    """What the command `parley` runs."""
    from .cli import parley

    # As gunicorn does it: handlers of the user's are found from the folder that the command runs in.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    parley()


def wrong_worker(name: str) -> ConfigurationError:
    """The error of a worker class of gunicorn that speaks WSGI."""
    return ConfigurationError(
        f"gunicorn's worker class is {name}, which cannot serve this application. Set it to asgi: leave out -k and "
        "--worker-class to use gunicorn.conf.py, or say -k asgi."
    )


def stop(error: ConfigurationError) -> NoReturn:
    """End the process with a sentence."""
    print(f"parley: {told(error)}", file=sys.stderr)
    raise SystemExit(1)


def told(error: ConfigurationError) -> str:
    """What to tell of an error."""
    text = str(error)
    if not isinstance(error, DocumentError):
        return text
    lenience = " PARLEY_LENIENT=1 serves the rest." if isinstance(error, UnusablePart) else ""
    end = "" if text.endswith(".") else "."
    return f"{text}{end}{lenience} All that is wrong with it: parley contract check FILE"
