"""What gunicorn's master does: checks what can be checked, starts the model processes, prints how to call the server.

A start that cannot succeed ends here, before the first worker is forked, with one sentence.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from .access import check_database, has_other_keys
from .admin.starting import check_listeners, check_start
from .configuration.addresses import refuse_own
from .configuration.building import served_models
from .configuration.chosen import chosen
from .configuration.keys import Configuration
from .configuration.model_file import ServedModel
from .configuration.served import engine_of
from .configuration.trying import try_templates
from .contract.document import Document
from .contract.operations import operations
from .contract.security import Security
from .errors import ConfigurationError
from .frameworks.graceful import of_master
from .frameworks.gunicorn import (
    Address,
    Server,
    call_regularly,
    names_listeners,
    replace_reload,
    unsupported,
    watch_for_stop,
    wsgi_worker_class,
)
from .frameworks.importing import import_connexion
from .model_files.fetching import fetch_all
from .model_process.pool import ProcessPool
from .open_files import raise_open_files
from .settings import Settings, unknown_variables
from .starting import stop, told, wrong_worker
from .store.address import has_database
from .web.keys import is_loopback, load_keys
from .web.logs import configure_logs

if TYPE_CHECKING:
    from .admin.address import Bind
    from .banner import Banner

log = logging.getLogger("parley")

# Timeouts of a reload, in seconds: for loading a model, and for the trial build of the new application.
_LOAD_SECONDS = 120.0
_TRIAL_SECONDS = 60.0
# An in-memory file system of Linux.
_MEMORY = "/dev/shm"

# Imports parley first, which finds our `app` even if the working directory has another package of that name. It ends by
# itself, too: the master may stop before it knows its process.
_TRIAL = (
    "import signal; signal.alarm({seconds}); "
    "import parley; from app.starting import load; load(); print('it can be served')"
)


class _Stop(BaseException):
    """The server must stop while a reload is being prepared."""


class Master:
    """The hooks of gunicorn that ``app/serving.py`` sets."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Set once the document has been read.
        self._banner: Banner
        # The address of the operators' API, if it is served.
        self._operators: Bind | None = None
        # The model processes. They end when neither the master nor a worker forked with them holds them any more.
        self._pool = ProcessPool(settings.model_probe)
        self._stopping = self._preparing = False
        self._has_database = False
        # Workers wait for requests for as long as the settings say, and then have some seconds for their own end.
        self.graceful_timeout = of_master(settings.graceful_timeout)

    def on_starting(self, server: Server) -> None:
        """Called before anything is forked."""
        configure_logs()
        if unknown := unknown_variables(os.environ):
            log.warning("not settings of this server, ignored: %s", ", ".join(unknown))
        if too_few := raise_open_files():
            log.warning("%s", too_few)
        try:
            if (worker := wsgi_worker_class(server.cfg)) is not None:
                raise wrong_worker(worker)
            if names := unsupported(server.cfg):
                raise ConfigurationError(f"gunicorn's settings {', '.join(names)} have no effect here: leave them out.")
            self._operators = check_start(self._settings, names_listeners(server.cfg))
            check_database(self._settings)
            self._has_database = has_database(self._settings)
            self._check_addresses(server.cfg.address)
            _check_folder(server.cfg.worker_tmp_dir)
            self._prepare(server)
        except ConfigurationError as error:
            stop(error)
        except KeyboardInterrupt:  # while a model is downloaded
            raise SystemExit(128 + signal.SIGINT) from None
        replace_reload(server, lambda fork_again: self._reload(server, fork_again))
        call_regularly(server, self._pool.revive)
        call_regularly(server, lambda: self._look_for_database(server))
        watch_for_stop(server, self._stop)

    def when_ready(self, server: Server) -> None:
        """Called when the server listens: print how to call it, or exit with a one-sentence error."""
        mocks = self._settings.mock == "all"
        listening = _listening(server)
        try:
            if self._operators is not None:
                check_listeners(self._operators, listening)
            others = has_other_keys(self._settings)
            keys = load_keys(self._settings, others=others)
            models = () if mocks else engine_of(self._settings).engine.models
        except ConfigurationError as error:
            stop(error)
        names = (*keys.names, *(["those of the database"] if others else []))
        model = models[0].id if models else "mocks" if mocks else "MODEL"
        serves = ", ".join(model.id for model in models) or ("mocks" if mocks else "the models of PARLEY_UPSTREAM_URL")
        able = frozenset(models[0].operations if models else {"chat"})
        reach = _reach([name for name in listening if not self._is_operators(name)] or listening, server)
        lines = self._banner.lines(reach, serves, model, able, keys.generated, names)
        if self._operators is not None:
            lines.append(f"  Operators   {self._operators.shown(_scheme(server), '/admin/v1/ui/')}")
        print("\n".join(lines), flush=True)

    def pre_fork(self, server: Server, worker: object) -> None:
        """Called before each fork."""
        # A garbage collection writes to every object that it looks at, and so copies the memory that a worker shares
        # with the master.
        gc.freeze()

    def _is_operators(self, name: object) -> bool:
        return self._operators is not None and self._operators.is_called(name)

    def _check_addresses(self, addresses: Sequence[Address]) -> None:
        if self._settings.allow_generated_key:
            return
        if load_keys(self._settings, others=has_other_keys(self._settings)).generated is None:
            return
        for address in addresses:
            if isinstance(address, tuple) and not is_loopback(address[0]) and not self._is_operators(address):
                raise ConfigurationError(
                    f"{address[0]} can be reached from other machines, and no API key is configured. Set "
                    "PARLEY_API_KEYS or PARLEY_API_KEYS_FILE, create a key with `parley keys create`, or set "
                    "PARLEY_ALLOW_GENERATED_KEY=1 to serve with the generated key."
                )

    def _prepare(self, server: Server, *, patience: float = 0.0) -> None:
        """Start the model processes that workers forked from now on need."""
        import_connexion()
        from .banner import Banner
        from .configuration.document import contract_path
        from .domains import needs_engine

        # Workers inherit it through the fork: that takes no time, and no memory while its pages are not written to.
        document = Document.load(
            contract_path(self._settings), keep=not self._settings.reload, lenient=self._settings.lenient
        )
        found = operations(document)
        security = Security(document, allow_basic=self._settings.basic_auth)
        self._banner = Banner(document.base_path, found, security)
        if self._settings.mock == "all":
            return
        configuration = chosen(self._settings)
        refuse_own(configuration, server.cfg.address)
        wanted: tuple[ServedModel, ...] = ()
        if needs_engine(self._settings, found):
            self._fetch(configuration)
            wanted = served_models(configuration, self._settings)
        new = [served for served in wanted if served.launch not in self._pool.launched]
        try_templates(new)
        for remark in filter(None, (served.remark for served in new)):
            log.warning("%s", remark)
        if wanted or self._pool.launched:
            self._pool.launch([served.launch for served in wanted], workers=server.cfg.workers, patience=patience)

    def _fetch(self, configuration: Configuration) -> None:
        """Download the model files that are on a hub."""
        texts = {entry.told("path"): entry.keys.path for entry in configuration.models}
        fetch_all(texts, lambda said: log.info("%s", said))

    def _reload(self, server: Server, fork_again: Callable[[], None]) -> None:
        """Handle SIGHUP: new workers read all files again, while the old ones finish their requests.

        gunicorn would end the whole server when the new workers cannot start. So the application is first built in a
        separate process, and new models are loaded; if that fails, nothing changes.
        """
        if server.cfg.preload_app:
            log.warning("the application was loaded before the fork (--preload): a reload reads nothing again")
            fork_again()
            return
        with suppress(_Stop):
            self._preparing = True
            try:
                if self._stopping:
                    return
                if self._settings.mock != "all":
                    self._fetch(chosen(self._settings))  # the trial downloads nothing
                _try_out()
                self._prepare(server, patience=_LOAD_SECONDS)
            except ConfigurationError as error:
                log.error("not reloaded, the server keeps running as before: %s", told(error))
                return
            finally:
                self._preparing = False
            fork_again()

    def _look_for_database(self, server: Server) -> None:
        """When a database has been made in the state folder, let new workers use it, as after SIGHUP."""
        if self._has_database or not has_database(self._settings):
            return
        self._has_database = True
        try:
            check_database(self._settings)
        except ConfigurationError as error:
            log.error("there is a database now, which is not used before the next start: %s", told(error))
            return
        log.info("there is a database now: the workers are replaced by ones that use it")
        os.kill(server.pid, signal.SIGHUP)

    def _stop(self) -> None:
        """Called in the handler of a signal that ends the server: abort a reload that is being prepared, because
        gunicorn handles one signal after the other."""
        self._stopping = True
        if self._preparing:
            self._preparing = False
            raise _Stop


def worker_folder() -> str | None:
    """Return the folder of each worker's heartbeat file. None: the default folder for temporary files, which a
    read-only file system may lack."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return _MEMORY
    return None


def _check_folder(folder: str | None) -> None:
    if folder is not None and not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"{folder}, where each worker keeps a file, is not writable. Provide a writable folder for temporary files "
            "(/tmp or the one that TMPDIR names), or name another one in --worker-tmp-dir."
        )


def _try_out() -> None:
    """Build the application in another process.

    Raises:
        ConfigurationError: it cannot be built; the message says why.
    """
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    try:
        run = subprocess.run(
            [sys.executable, "-c", _TRIAL.format(seconds=int(2 * _TRIAL_SECONDS))],
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
    # The exit status may be lost: gunicorn's master reaps every child itself.
    if not run.stdout.endswith("it can be served\n"):
        lines = [line for line in run.stderr.splitlines() if line.strip()]
        ours = [line.removeprefix("parley: ") for line in lines if line.startswith("parley: ")]
        raise ConfigurationError((ours or lines or ["the application cannot be built."])[-1])


def _listening(server: Server) -> list[Address]:
    """Return the names of the sockets that the server listens on. With gunicorn's ``reuse_port`` its workers open
    them."""
    return [listener.getsockname() for listener in server.LISTENERS] or list(server.cfg.address)


def _scheme(server: Server) -> str:
    return "https" if server.cfg.is_ssl else "http"


def _reach(names: Sequence[Address], server: Server) -> tuple[str, str]:
    """Return how this machine reaches the server: a URL without a path, and an additional curl option."""
    scheme = _scheme(server)
    for name in names:
        if isinstance(name, tuple):
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name[0], name[0])
            return f"{scheme}://{f'[{host}]' if ':' in host else host}:{name[1]}", ""
    return f"{scheme}://localhost", f"--unix-socket {names[0]!s} "
