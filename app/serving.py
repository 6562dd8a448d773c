"""gunicorn's configuration: ``-c python:parley.serving``, and ``gunicorn.conf.py`` in the checkout.

gunicorn reads a configuration by running a module and looking at its names, so this one reads the settings when it is
imported, which no other module does. Nothing but ``gunicorn.conf.py`` and ``parley/serving.py`` imports it: the
application is loaded by `app.starting`, the hooks are those of `app.master`.
"""

from __future__ import annotations

from .errors import ConfigurationError
from .master import Master, worker_folder
from .settings import Settings
from .starting import stop

__all__ = [
    "asgi_lifespan",
    "asgi_loop",
    "bind",
    "control_socket_disable",
    "graceful_timeout",
    "header_map",
    "keepalive",
    "on_starting",
    "proc_name",
    "timeout",
    "when_ready",
    "worker_class",
    "worker_tmp_dir",
    "wsgi_app",
]

try:
    _settings = Settings.from_environment()
except ConfigurationError as _error:
    stop(_error)
_master = Master(_settings)

proc_name = "parley"
# For a command line that names none; `wsgi:app` is the same, where no other module wsgi is in front of ours.
wsgi_app = "app.starting:load()"
bind = f"{f'[{_settings.host}]' if ':' in _settings.host else _settings.host}:{_settings.port}"
# gunicorn's asgi worker, with our shape of failures for what never reaches the application.
worker_class = "app.web.worker.Worker"
# An application that cannot start ends the start; gunicorn would serve it all the same, with 500 for everything.
asgi_lifespan = "on"
# gunicorn would take uvloop wherever it is installed. How much is read from a socket at a time can be bounded only in
# asyncio's own loop.
asgi_loop = "asyncio"
graceful_timeout = _settings.graceful_timeout
# Longer than clients keep idle connections, so that they close first and never send into a closing one.
keepalive = 75
# A document may have parameters and keys in headers with an underscore in their names, which gunicorn would drop: in a
# WSGI environment they are the same as those with a hyphen. They do not get into ours (`app.web.bridge`).
header_map = "dangerous"
# How long the worker waits for a piece of a body by itself: our own limit comes first, with an answer.
timeout = int(_settings.body_timeout) + 60
# Its default lies in the home folder, the same for every server on the machine.
control_socket_disable = True
worker_tmp_dir = worker_folder()
on_starting = _master.on_starting
when_ready = _master.when_ready
