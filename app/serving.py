"""gunicorn's configuration: ``-c python:parley.serving``, and ``gunicorn.conf.py`` in the checkout.

gunicorn reads a configuration by running a module and reading its names. So this module, unlike all others, reads the
settings at import. Only ``gunicorn.conf.py`` and ``parley/serving.py`` import it. `app.starting` loads the application;
the hooks are those of `app.master`.
"""

from __future__ import annotations

from .admin.address import bind_of
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
    "pre_fork",
    "proc_name",
    "timeout",
    "when_ready",
    "worker_class",
    "worker_tmp_dir",
    "wsgi_app",
]

try:
    _settings = Settings.from_environment()
    _operators = bind_of(_settings)
except ConfigurationError as _error:
    stop(_error)
_master = Master(_settings)

proc_name = "parley"
# For a command line that names no application. `wsgi:app` is the same, unless another module `wsgi` shadows ours.
wsgi_app = "app.starting:load()"
bind = [f"{f'[{_settings.host}]' if ':' in _settings.host else _settings.host}:{_settings.port}"]
if _operators is not None:
    bind.append(_operators.text)
# gunicorn's asgi worker, with our error format for requests that never reach the application.
worker_class = "app.web.worker.Worker"
# An application that fails to start ends the start. Otherwise gunicorn would answer every request with 500.
asgi_lifespan = "on"
# uvloop where it is installed, else asyncio's own.
asgi_loop = "auto"
graceful_timeout = _master.graceful_timeout
# Longer than clients keep idle connections, so that they close first and never send into a closing one.
keepalive = 75
# A document may have parameters and keys in headers whose names contain an underscore. gunicorn would drop these
# headers, since a WSGI environment cannot tell them from those with a hyphen. `app.web.bridge` keeps them out of ours.
header_map = "dangerous"
# How long gunicorn's own asgi worker waits for a piece of a body, in seconds: ours expires first, with an answer.
timeout = int(_settings.body_timeout) + 60
# The control socket's default path is in the home folder, the same for every server on the machine.
control_socket_disable = True
worker_tmp_dir = worker_folder()
on_starting = _master.on_starting
when_ready = _master.when_ready
pre_fork = _master.pre_fork
