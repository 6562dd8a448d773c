"""The undocumented behaviour of gunicorn 27 that we rely on, in its master and where an application is loaded:

- The module of its arbiter is imported wherever an application is loaded for it; of the modules of its workers, only
  the one in force is imported.
- After `AppImportError` from an application the master ends, instead of forking again and again.
- The ``cfg`` of the master has ``address``, the addresses to listen on as pairs or paths; ``worker_class``, the class
  itself; ``worker_class_str``, its name; ``worker_tmp_dir``, the folder of each worker's file, None for the default
  folder for temporary files; and ``is_ssl``. The master's ``LISTENERS`` have ``getsockname``.
- SIGHUP calls the master's ``reload``, looked up on the object. There is no hook that can decline it.
- The master calls its ``manage_workers``, looked up on the object, every second, and when one of its children has
  ended. There is no hook for either.
- After ``on_starting`` the master sets its ``signal``, looked up on the object, as the handler of all signals; it
  queues them, and they are handled one after the other. A worker has the same handler until it sets its own. ``pid``
  is the master's.

gunicorn is imported lazily, because commands load the application too.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Protocol

WSGI_WORKERS = ("sync", "gthread", "ggevent", "geventlet", "gtornado")

# What gunicorn's workers have besides HTTP/1.1, and ways to read it less strictly.
_NOT_OURS = (
    "casefold_http_method",
    "forwarder_headers",
    "header_map",
    "http2_cleartext",
    "http_parser",
    "http_protocols",
    "permit_obsolete_folding",
    "permit_unconventional_http_method",
    "permit_unconventional_http_version",
    "post_request",
    "pre_request",
    "protocol",
    "proxy_protocol",
    "strip_header_spaces",
)

# Host and port, with two more items for IPv6, or the path of a unix socket.
Address = tuple[str, int] | tuple[str, int, int, int] | str | bytes


class Listener(Protocol):
    """A socket on which gunicorn listens."""

    def getsockname(self) -> Address: ...


class Setting(Protocol):
    """A setting of gunicorn."""

    def get(self) -> object: ...


class Config(Protocol):
    """The settings in force."""

    settings: Mapping[str, Setting]
    workers: int
    preload_app: bool
    worker_tmp_dir: str | None

    @property
    def address(self) -> Sequence[Address]: ...
    @property
    def is_ssl(self) -> bool: ...
    @property
    def worker_class(self) -> type: ...
    @property
    def worker_class_str(self) -> str: ...


class Server(Protocol):
    """gunicorn's master, as its hooks receive it."""

    pid: int
    reload: Callable[[], None]
    manage_workers: Callable[[], None]
    signal: Callable[[int, FrameType | None], None]

    @property
    def cfg(self) -> Config: ...
    @property
    def LISTENERS(self) -> Sequence[Listener]: ...


def wsgi_worker() -> str | None:
    """Return the name of gunicorn's worker class in this process, if it is one that speaks WSGI, else None."""
    found = [name for name in WSGI_WORKERS if f"gunicorn.workers.{name}" in sys.modules]
    if not found or "gunicorn.workers.gasgi" in sys.modules:
        return None
    return found[0] if found[0] == "gthread" else found[0].removeprefix("g")


def wsgi_worker_class(cfg: Config) -> str | None:
    """Return the name of the configured worker class, if it is one of gunicorn's that speak WSGI, else None."""
    from gunicorn.workers.base import Worker
    from gunicorn.workers.gasgi import ASGIWorker

    kind = cfg.worker_class
    # ASGI workers of other packages are allowed; gunicorn's own workers all derive from its base class.
    if issubclass(kind, Worker) and not issubclass(kind, ASGIWorker) and kind.__module__.startswith("gunicorn."):
        return cfg.worker_class_str
    return None


def unsupported(cfg: Config) -> list[str]:
    """Return the names of settings of gunicorn that are in force and that our worker does not have."""
    from gunicorn.config import Config as Defaults

    from .gunicorn_worker import Worker

    if not issubclass(cfg.worker_class, Worker):
        return []
    defaults = Defaults()
    # What `app/serving.py` sets: names with an underscore are names like others.
    defaults.set("header_map", "dangerous")
    return [name for name in _NOT_OURS if cfg.settings[name].get() != defaults.settings[name].get()]


def names_listeners(cfg: Config) -> bool:
    """Return whether the configured worker class says which listening socket a request came through."""
    from .gunicorn_worker import Worker

    return issubclass(cfg.worker_class, Worker)


def load_failure(message: str) -> Exception | None:
    """Return the exception that an application must raise so that gunicorn prints a message and ends; None: gunicorn
    does not load the application."""
    if "gunicorn.arbiter" not in sys.modules:
        return None
    from gunicorn.errors import AppImportError

    failure: Exception = AppImportError(message)
    return failure


def replace_reload(server: Server, reload: Callable[[Callable[[], None]], None]) -> None:
    """Make SIGHUP call ``reload``, with gunicorn's own as argument, which reads the configuration and forks new
    workers."""
    own = server.reload
    server.reload = lambda: reload(own)


def call_regularly(server: Server, what: Callable[[], None]) -> None:
    """Make the master call ``what`` every second, and when one of its children has ended, until it stops."""
    own = server.manage_workers

    def manage_workers() -> None:
        what()
        own()

    server.manage_workers = manage_workers


def watch_for_stop(server: Server, stop: Callable[[], None]) -> None:
    """Make a signal that ends the server call ``stop`` on arrival, not when gunicorn handles it. Must be called during
    the start."""
    own = server.signal

    def handle(number: int, frame: FrameType | None) -> None:
        own(number, frame)
        if number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            if os.getpid() != server.pid:
                os._exit(0)  # a worker that has not set its own handler yet; nothing would signal it again
            stop()

    server.signal = handle
