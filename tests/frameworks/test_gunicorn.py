"""What is relied on in gunicorn's master is as `app.frameworks.gunicorn` says."""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import runpy
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gunicorn.workers
import pytest
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.errors import AppImportError, HaltServer
from gunicorn.workers.base import Worker

from app.frameworks.gunicorn import (
    WSGI_WORKERS,
    call_regularly,
    load_failure,
    names_listeners,
    replace_reload,
    unsupported,
    watch_for_stop,
    wsgi_worker,
    wsgi_worker_class,
)


def config(**settings: Any) -> Any:
    found = Config()
    for name, value in settings.items():
        found.set(name, value)
    return found


class Elsewhere:
    """A worker class of another package."""


def arbiter(**settings: Any) -> Any:
    return Arbiter(SimpleNamespace(cfg=config(**settings)))


def test_only_our_worker_names_the_socket_that_a_request_came_through() -> None:
    assert names_listeners(config(worker_class="app.web.worker.Worker"))
    assert names_listeners(config(worker_class="app.frameworks.gunicorn_worker.Worker"))
    assert not names_listeners(config(worker_class="asgi"))
    assert not names_listeners(config(worker_class=Elsewhere))


def test_what_our_worker_does_not_have_is_named() -> None:
    ours = {"worker_class": "app.web.worker.Worker", "header_map": "dangerous"}
    assert unsupported(config(**ours, limit_request_line=8000, accesslog="-", forwarded_allow_ips="*")) == []
    changed = {"proxy_protocol": "v1", "http_protocols": "h2,h1", "pre_request": lambda worker, request: None}
    assert unsupported(config(**ours, **changed)) == ["http_protocols", "pre_request", "proxy_protocol"]
    assert unsupported(config(**{**ours, "header_map": "drop"})) == ["header_map"]
    assert unsupported(config(worker_class="asgi", **changed)) == []


# -- which worker ------------------------------------------------------------------------------------------------


def test_every_worker_of_gunicorn_is_known() -> None:
    known = {*WSGI_WORKERS, "gasgi", "base", "base_async", "workertmp"}
    present = {module.name for module in pkgutil.iter_modules(gunicorn.workers.__path__)}
    assert present <= known
    assert {"sync", "gthread", "gasgi"} <= present
    assert importlib.util.find_spec("gunicorn.arbiter") is not None


@pytest.mark.parametrize(
    ("module", "name"), [("sync", "sync"), ("gthread", "gthread"), ("ggevent", "gevent"), ("gtornado", "tornado")]
)
def test_a_worker_that_speaks_wsgi_is_known_by_its_module(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    for other in (*WSGI_WORKERS, "gasgi"):
        monkeypatch.delitem(sys.modules, f"gunicorn.workers.{other}", raising=False)
    assert wsgi_worker() is None
    monkeypatch.setitem(sys.modules, f"gunicorn.workers.{module}", SimpleNamespace())
    assert wsgi_worker() == name
    assert name in gunicorn.workers.SUPPORTED_WORKERS
    monkeypatch.setitem(sys.modules, "gunicorn.workers.gasgi", SimpleNamespace())
    assert wsgi_worker() is None


@pytest.mark.parametrize(
    ("setting", "refused"),
    [
        ("sync", "sync"),
        ("gthread", "gthread"),
        ("asgi", None),
        ("app.web.worker.Worker", None),
        (Elsewhere, None),
    ],
)
def test_of_the_worker_classes_only_gunicorns_own_that_speak_wsgi_are_refused(
    setting: Any, refused: str | None
) -> None:
    assert wsgi_worker_class(config(worker_class=setting)) == refused


def test_threads_make_another_worker_of_the_default_one() -> None:
    assert wsgi_worker_class(config(threads=2)) == "gthread"


# -- what its settings say ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:80", ("::1", 80)),
        (":0", ("", 0)),
        ("unix:/run/it", "/run/it"),
    ],
)
def test_addresses_are_pairs_or_paths(bind: str, address: Any) -> None:
    assert config(bind=bind).address == [address]


def test_tls_is_told_by_a_certificate() -> None:
    assert not config().is_ssl
    assert config(certfile=__file__).is_ssl


def test_the_number_of_workers_and_preloading_are_settings() -> None:
    found = config(workers=3, preload_app=True)
    assert (found.workers, found.preload_app) == (3, True)


def test_the_settings_of_app_serving_are_settings_of_gunicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_HOST", "::1")
    monkeypatch.setenv("PARLEY_PORT", "81")
    serving = runpy.run_module("app.serving")
    found = config(**{name: serving[name] for name in serving["__all__"]})
    assert found.address == [("::1", 81)]
    assert found.settings["worker_class"].get() == "app.web.worker.Worker"
    assert found.on_starting == serving["on_starting"]


# -- a failure to load, and a reload -----------------------------------------------------------------------------


def test_the_failure_to_load_an_application_ends_the_master(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = load_failure("it cannot be loaded")
    assert isinstance(failure, AppImportError)

    class Failing:
        def __init__(self, *_arguments: object) -> None:
            self.tmp = SimpleNamespace(close=lambda: None)

        def init_process(self) -> None:
            assert failure is not None
            raise failure

    master = arbiter(worker_class=Failing)
    master.pid = os.getpid()
    # First as the child of the fork, then as its parent.
    monkeypatch.setattr(os, "fork", lambda: 0)
    with pytest.raises(SystemExit) as ended:
        master.spawn_worker()
    monkeypatch.setattr(os, "fork", lambda: 4711)
    assert isinstance(ended.value.code, int)
    statuses = iter([(4711, ended.value.code << 8), (0, 0)])
    monkeypatch.setattr(os, "waitpid", lambda *_arguments: next(statuses))
    master.spawn_worker()
    with pytest.raises(HaltServer):
        master.reap_workers()


def test_outside_of_gunicorn_nothing_of_it_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gunicorn.arbiter")
    assert load_failure("it cannot be loaded") is None


def test_sighup_calls_what_stands_in_for_the_reload() -> None:
    master = arbiter()
    told: list[str] = []
    master.reload = lambda: told.append("gunicorn's")

    def ours(own: Any) -> None:
        told.append("ours")
        own()

    replace_reload(master, ours)
    master.handle_hup()
    assert told == ["ours", "gunicorn's"]
    assert callable(Arbiter.reload)
    assert hasattr(master, "LISTENERS")


def test_the_master_calls_what_it_is_given_before_it_looks_after_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    master = arbiter()
    told: list[str] = []

    def stop() -> None:
        told.append("gunicorn's")
        if len(told) == 4:
            raise StopIteration

    monkeypatch.setattr(master, "manage_workers", stop)
    call_regularly(master, lambda: told.append("ours"))
    for name in ("start", "maybe_promote_master", "_start_control_server", "murder_workers", "manage_dirty_arbiter"):
        monkeypatch.setattr(master, name, lambda: None)
    # Nothing has happened, for as long as the master waits.
    monkeypatch.setattr(master, "wait_for_signals", lambda timeout: [])
    monkeypatch.setattr(master, "halt", lambda: told.append("halted"))
    master.run()
    assert told == ["ours", "gunicorn's", "ours", "gunicorn's", "halted"]


def test_the_signal_of_the_master_becomes_the_handler_of_signals_when_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handlers: dict[int, Any] = {}
    monkeypatch.setattr(signal, "signal", lambda number, handler: handlers.update({number: handler}))
    told: list[str] = []
    master = arbiter(on_starting=lambda server: watch_for_stop(server, lambda: told.append("stop")))
    # Nothing is listened to.
    monkeypatch.setattr(master, "LISTENERS", [SimpleNamespace()])
    master.start()
    assert master.pid == os.getpid()
    for number in (signal.SIGHUP, signal.SIGUSR1):
        handlers[number](number, None)
    assert told == []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        handlers[number](number, None)
    assert told == ["stop"] * 3
    queued = [master.SIG_QUEUE.get_nowait() for _ in range(5)]
    assert queued == [signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]


def test_a_worker_that_has_no_handlers_of_its_own_yet_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    master = arbiter()
    master.pid = 1  # another process
    watch_for_stop(master, lambda: pytest.fail("it is not the master"))

    def end(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(os, "_exit", end)
    master.signal(signal.SIGHUP, None)
    with pytest.raises(SystemExit) as ended:
        master.signal(signal.SIGTERM, None)
    assert ended.value.code == 0


def test_the_file_of_a_worker_lies_in_the_folder_that_is_set(tmp_path: Path) -> None:
    made = Worker(1, 1, [], None, 1, config(worker_tmp_dir=str(tmp_path)), SimpleNamespace())
    try:
        assert os.readlink(f"/proc/self/fd/{made.tmp.fileno()}").startswith(str(tmp_path))
    finally:
        made.tmp.close()
