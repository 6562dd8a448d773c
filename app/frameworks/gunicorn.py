"""What is used of gunicorn 27 in its master, and where an application is loaded, beyond what it documents:

- The module of its arbiter is imported wherever an application is loaded for it, and of the modules of its workers only
  the one that is in force.
- After `AppImportError` from an application the master ends, instead of forking again and again.
- The ``cfg`` of the master has ``address``, the addresses to listen on as pairs or paths, ``worker_class``, the class
  itself, ``worker_class_str``, its name, ``worker_tmp_dir``, where each worker has a file, None for the folder of all
  temporary ones, and ``is_ssl``; its ``LISTENERS`` have ``getsockname``.
- SIGHUP calls the master's ``reload``, looked up on the object. There is no hook that can decline it.
- The master calls its ``manage_workers``, looked up on the object, every second, and when a child of its has ended.
  There is no hook for either.
- After ``on_starting`` the master makes its ``signal`` the handler of all signals, looked up on the object; they are
  queued there, and obeyed one after the other. A worker has the same handler until it sets its own. ``pid`` is the
  master's.

Nothing of gunicorn is imported before it is needed: commands load the application too.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Protocol

WSGI_WORKERS = ("sync", "gthread", "ggevent", "geventlet", "gtornado")

# Host and port, with more for IPv6, or the path of a unix socket.
Address = tuple[str, int] | tuple[str, int, int, int] | str | bytes


class Listener(Protocol):
    """A socket on which gunicorn listens."""

    def getsockname(self) -> Address: ...


class Config(Protocol):
    """The settings in force."""

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
    """gunicorn's master, as its hooks are given it."""

    pid: int
    reload: Callable[[], None]
    manage_workers: Callable[[], None]
    signal: Callable[[int, FrameType | None], None]

    @property
    def cfg(self) -> Config: ...
    @property
    def LISTENERS(self) -> Sequence[Listener]: ...


def wsgi_worker() -> str | None:
    """The name of gunicorn's worker class in this process, if it is one that speaks WSGI."""
    found = [name for name in WSGI_WORKERS if f"gunicorn.workers.{name}" in sys.modules]
    if not found or "gunicorn.workers.gasgi" in sys.modules:
        return None
    return found[0] if found[0] == "gthread" else found[0].removeprefix("g")


def wsgi_worker_class(cfg: Config) -> str | None:
    """The worker class that is set, if it is one of gunicorn's that speak WSGI."""
    from gunicorn.workers.base import Worker
    from gunicorn.workers.gasgi import ASGIWorker

    kind = cfg.worker_class
    # Workers of other packages that speak ASGI are welcome; gunicorn's own all derive from its base.
    if issubclass(kind, Worker) and not issubclass(kind, ASGIWorker) and kind.__module__.startswith("gunicorn."):
        return cfg.worker_class_str
    return None


def load_failure(message: str) -> Exception | None:
    """What an application raises so that gunicorn says a message and ends; None: it is not loaded for gunicorn."""
    if "gunicorn.arbiter" not in sys.modules:
        return None
    from gunicorn.errors import AppImportError

    failure: Exception = AppImportError(message)
    return failure


def replace_reload(server: Server, reload: Callable[[Callable[[], None]], None]) -> None:
    """Have SIGHUP call ``reload``, which is given gunicorn's own: it reads the configuration and forks new workers."""
    own = server.reload
    server.reload = lambda: reload(own)


def call_regularly(server: Server, what: Callable[[], None]) -> None:
    """Have the master call something every second, and when a child of its has ended, until it stops."""
    own = server.manage_workers

    def manage_workers() -> None:
        what()
        own()

    server.manage_workers = manage_workers


def watch_for_stop(server: Server, stop: Callable[[], None]) -> None:
    """Have ``stop`` called when a signal comes that ends the server, at once and not when it is obeyed. Called while it
    starts."""
    own = server.signal

    def handle(number: int, frame: FrameType | None) -> None:
        own(number, frame)
        if number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            if os.getpid() != server.pid:
                os._exit(0)  # a worker that has not begun, which nobody would tell again
            stop()

    server.signal = handle
