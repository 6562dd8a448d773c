"""gunicorn's settings and hooks, usable anywhere as ``-c python:app.serving``.

Before the first worker is forked the master checks what can be checked, makes the key, starts the model's supervisor
and prints how to call the server. A start that cannot end well ends here, in one sentence.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import ConfigurationError, DocumentError
from .open_files import raise_open_files
from .settings import Settings, unknown_variables
from .web.logs import configure_logs

if TYPE_CHECKING:
    from collections.abc import Callable

    import flask
    from connexion import FlaskApp

    from .model_process.pool import ProcessPool
    from .web.reloading import Reloading

__all__ = [
    "asgi_lifespan",
    "bind",
    "control_socket_disable",
    "graceful_timeout",
    "keepalive",
    "on_starting",
    "proc_name",
    "timeout",
    "when_ready",
    "worker_class",
]


# Connexion imports Starlette's test client, which deprecates the very package that Connexion brings for it.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient` is deprecated")


def _stop(error: ConfigurationError | str) -> NoReturn:
    print(f"parley: {_told(error)}", file=sys.stderr)
    raise SystemExit(1)


def _told(error: ConfigurationError | str) -> str:
    if not isinstance(error, DocumentError):
        return str(error)
    text = str(error)
    return f"{text}{'' if text.endswith('.') else '.'} All that is wrong with it: flask --app wsgi contract check FILE"


try:
    _settings = Settings.from_environment()
except ConfigurationError as _error:
    _stop(_error)

proc_name = "parley"
bind = f"{f'[{_settings.host}]' if ':' in _settings.host else _settings.host}:{_settings.port}"
# gunicorn's asgi worker, with our shape of failures for what never reaches the application.
worker_class = "app.web.worker.Worker"
# An application that cannot start ends the start; gunicorn would serve it all the same, with 500 for everything.
asgi_lifespan = "on"
graceful_timeout = _settings.graceful_timeout
# Longer than clients keep idle connections, so that they close first and never send into a closing one.
keepalive = 75
# How long the worker waits for a piece of a body by itself: our own limit comes first, with an answer.
timeout = int(_settings.body_timeout) + 60
# Its default lies in the home folder, the same for every server on the machine.
control_socket_disable = True

# The path below which the document's operations lie, known once the master has read it.
_base_path = ""

# The model processes, which end when neither the master nor a worker forked with them holds them any more.
_pool: ProcessPool | None = None

# How long a reload waits for a model to be loaded, and for the new application to be tried out, in seconds.
_LOAD_SECONDS = 120.0
_TRIAL_SECONDS = 60.0
_TRIAL = "from app.serving import load; load(); print('it can be served')"


def load() -> FlaskApp | Reloading | SimpleNamespace:
    """The application for ``wsgi.py``. Under gunicorn a failure ends the start with a sentence.

    For a command there is one that holds the commands and serves nothing.
    """
    try:
        _refuse_wsgi_workers()
        from . import create_app
        from .cli import only_commands_are_wanted, register, take_over_flask_run

        if only_commands_are_wanted():
            return _commands(register)
        take_over_flask_run()
        app = create_app()
        register(app.app)
        return app
    except ConfigurationError as error:
        if "gunicorn.arbiter" in sys.modules:
            from gunicorn.errors import AppImportError

            # The one exception after which gunicorn's master ends rather than forking again and again.
            raise AppImportError(f"parley: {_told(error)}") from None
        _stop(error)


def _commands(register: Callable[[flask.Flask], None]) -> SimpleNamespace:
    import flask

    app = flask.Flask("parley", static_folder=None)
    register(app)
    return SimpleNamespace(app=app)


def _refuse_wsgi_workers() -> None:
    """A worker that speaks WSGI would answer every request with 500: find it out at the start, whatever set it."""
    wsgi = [
        name
        for name in ("sync", "gthread", "ggevent", "geventlet", "gtornado")
        if f"gunicorn.workers.{name}" in sys.modules
    ]
    if wsgi and "gunicorn.workers.gasgi" not in sys.modules:
        raise ConfigurationError(
            _WORKER_SENTENCE.format(wsgi[0].removeprefix("g") if wsgi[0] != "gthread" else wsgi[0])
        )


_WORKER_SENTENCE = (
    "gunicorn's worker class is {}, which cannot serve this application. Set it to asgi: leave out -k and "
    "--worker-class to use gunicorn.conf.py, or say -k asgi."
)


def on_starting(server: Any) -> None:
    """gunicorn's hook in the master, before anything is forked."""
    configure_logs()
    if unknown := unknown_variables(os.environ):
        logging.getLogger("parley").warning("not settings of this server, ignored: %s", ", ".join(unknown))
    if too_few := raise_open_files():
        logging.getLogger("parley").warning("%s", too_few)
    try:
        _check_worker_class(server.cfg)
        _check_addresses(server.cfg.address)
        _prepare(server)
    except ConfigurationError as error:
        _stop(error)
    # gunicorn has no hook that can decline a reload.
    server.reload = partial(_reload, server, server.reload)


def _prepare(server: Any, *, patience: float = 0.0) -> None:
    """Have the model processes running that workers forked from now on need."""
    global _base_path, _pool
    from .configuration.addresses import refuse_own
    from .configuration.building import served_models
    from .configuration.chosen import chosen
    from .contract.document import Document
    from .contract.operations import operations
    from .model_process.pool import ProcessPool
    from .wiring import contract_path, needs_engine

    document = Document.load(contract_path(_settings))
    _base_path = document.base_path
    if _settings.mock == "all":
        return
    configuration = chosen(_settings)
    refuse_own(configuration, server.cfg.address)
    wanted = served_models(configuration) if needs_engine(_settings, operations(document)) else ()
    _pool = _pool or ProcessPool()
    if wanted or _pool.launched:
        _pool.launch([served.launch for served in wanted], workers=server.cfg.workers, patience=patience)


def _reload(server: Any, fork_again: Callable[[], None]) -> None:
    """What SIGHUP does: new workers read all files again, while the old ones finish what they are at.

    gunicorn would end the whole server when the new workers cannot start. So the application is first built in a
    process of its own, and new models are loaded; where that fails all stays as it is.
    """
    log = logging.getLogger("parley")
    if server.cfg.preload_app:
        log.warning("the application was loaded before the fork (--preload): a reload reads nothing again")
        fork_again()
        return
    try:
        _try_out()
        _prepare(server, patience=_LOAD_SECONDS)
    except ConfigurationError as error:
        log.error("not reloaded, all goes on as before: %s", _told(error))
        return
    fork_again()


def _try_out() -> None:
    """Build the application elsewhere.

    Raises:
        ConfigurationError: it cannot be built; the message says why.
    """
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    try:
        run = subprocess.run(
            [sys.executable, "-c", _TRIAL],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"the application cannot be tried out ({type(error).__name__}).") from None
    # The exit status may be gone: gunicorn's master reaps every child itself.
    if not run.stdout.endswith("it can be served\n"):
        lines = [line for line in run.stderr.splitlines() if line.strip()]
        ours = [line.removeprefix("parley: ") for line in lines if line.startswith("parley: ")]
        raise ConfigurationError((ours or lines or ["the application cannot be built."])[-1])


def _check_worker_class(cfg: Any) -> None:
    from gunicorn.workers.base import Worker
    from gunicorn.workers.gasgi import ASGIWorker

    kind = cfg.worker_class
    # Workers of other packages that speak ASGI are welcome; gunicorn's own all derive from its base.
    if issubclass(kind, Worker) and not issubclass(kind, ASGIWorker) and kind.__module__.startswith("gunicorn."):
        raise ConfigurationError(_WORKER_SENTENCE.format(cfg.worker_class_str))


def _check_addresses(addresses: list[Any]) -> None:
    from .web.keys import is_loopback, load_keys

    keys = load_keys(_settings)
    if keys.generated is None or _settings.allow_generated_key:
        return
    for address in addresses:
        if isinstance(address, tuple) and not is_loopback(address[0]):
            raise ConfigurationError(
                f"{address[0]} can be reached from other machines, and no API key is configured. Set PARLEY_API_KEYS "
                "or PARLEY_API_KEYS_FILE, or PARLEY_ALLOW_GENERATED_KEY=1 to serve with the generated key."
            )


def when_ready(server: Any) -> None:
    """gunicorn's hook in the master when it listens: say how to call the server."""
    from .configuration.served import engine_of
    from .web.keys import load_keys

    root, option = _reach(server)
    base = root + _base_path
    keys = load_keys(_settings)
    models = () if _settings.mock == "all" else engine_of(_settings).engine.models
    model = models[0].id if models else "mocks" if _settings.mock == "all" else "MODEL"
    serves = ", ".join(model.id for model in models) or (
        "mocks" if _settings.mock == "all" else "the models of PARLEY_UPSTREAM_URL"
    )
    # Only the generated key is ever shown; the shell puts in another one.
    bearer = (
        f"'Authorization: Bearer {keys.generated}'" if keys.generated else '"Authorization: Bearer $OPENAI_API_KEY"'
    )
    body = f"""'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'"""
    print(
        f"Parley serves {serves} at {base}\n"
        f"  Swagger UI  {base}/ui/\n"
        f"  API key     {keys.generated or 'configured: ' + ', '.join(keys.names)}\n"
        f"  Try it      curl {option}{base}/chat/completions -H {bearer} -H 'Content-Type: application/json' -d {body}",
        flush=True,
    )


def _reach(server: Any) -> tuple[str, str]:
    """How this machine reaches the server: a URL without a path, and what curl must be told besides."""
    names: list[Any] = [sock.getsockname() for sock in server.LISTENERS]
    scheme = "https" if server.cfg.is_ssl else "http"
    for name in names:
        if isinstance(name, tuple):
            host, port = str(name[0]), name[1]
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host) or host
            return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}", ""
    return f"{scheme}://localhost", f"--unix-socket {names[0]} "
