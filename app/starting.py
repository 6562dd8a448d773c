"""How the application is loaded: by gunicorn's workers, or by ``flask`` for a command."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

from .errors import ConfigurationError, DocumentError, UnusablePart
from .frameworks import import_connexion
from .frameworks.gunicorn import load_failure, wsgi_worker

if TYPE_CHECKING:
    from connexion import FlaskApp

    from .web.reloading import Reloading


def load() -> FlaskApp | Reloading | SimpleNamespace:
    """The application for ``wsgi.py``. A failure ends the start with a sentence.

    For a command there is one that holds the commands and serves nothing.
    """
    try:
        if (worker := wsgi_worker()) is not None:
            # It would answer every request with 500: found out here, whatever set it.
            raise wrong_worker(worker)
        import_connexion()
        from . import create_app
        from .cli import commands_alone, register, take_over_flask_run

        if (commands := commands_alone()) is not None:
            return SimpleNamespace(app=commands)
        take_over_flask_run()
        app = create_app()
        register(app.app)
        return app
    except ConfigurationError as error:
        if (failure := load_failure(f"parley: {told(error)}")) is not None:
            raise failure from None
        stop(error)


def command_line() -> None:
    """What ``parley`` runs: the commands of ``flask --app wsgi``, where the package is installed."""
    import_connexion()
    from .cli import parley

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
    return f"{text}{end}{lenience} All that is wrong with it: flask --app wsgi contract check FILE"
