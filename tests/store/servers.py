"""PostgreSQL and Redis for tests: real servers on unix sockets of their own, gone when the block is left."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import redis

from tests.live import children
from tests.patience import PATIENCE, wait_until

# Where Debian and its like install the programs of a server, beside PATH.
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
# The user that PostgreSQL runs as if the tests run as root, whom it refuses.
_USERS = ("postgres", "nobody")


class Missing(Exception):
    """A server is not installed."""


class PostgreSQL:
    """A running server. ``url`` names a database that is empty at first; ``pid`` is its first process."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process
        self.pid = process.pid
        self._databases = 0

    def _address(self, database: str) -> str:
        return f"postgresql://tests@/{database}?host={self.folder}"

    def database(self) -> str:
        """Return the URL of a new database."""
        self._databases += 1
        name = f"tests_{self._databases}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._address(name)

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to one of the server's processes."""
        os.kill(pid, number)

    def backends(self) -> list[int]:
        """Return the processes that serve connections, and the server's others."""
        return children(self.pid)

    def answers(self) -> bool:
        """Whether it accepts connections."""
        with contextlib.suppress(psycopg.Error):
            psycopg.connect(self._address("postgres"), connect_timeout=5).close()
            return True
        return False


@contextlib.contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A server that listens on a unix socket only.

    Raises:
        Missing: it is not installed.
    """
    programs = _postgresql_programs()
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder, data = Path(name), Path(name) / "data"
        as_user = _not_as_root(folder)
        initialise = [programs / "initdb", "-D", data, "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*as_user, *map(str, initialise)], check=True, stdout=subprocess.DEVNULL, cwd="/")
        options = {"listen_addresses": "", "unix_socket_directories": name, "fsync": "off", "max_connections": "200"}
        arguments = [part for option in options.items() for part in ("-c", "=".join(option))]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*as_user, str(programs / "postgres"), "-D", str(data), *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
            )
        server = PostgreSQL(folder, process)
        try:
            wait_until(server.answers, "PostgreSQL does not answer")
            yield server
        finally:
            _end(process, signal.SIGINT)


@contextlib.contextmanager
def redis_server() -> Iterator[Redis]:
    """A server that listens on a unix socket only.

    Raises:
        Missing: it is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="redis-", dir="/tmp") as name:
        server = Redis(Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()


class Redis:
    """A server that can be stopped and started again. ``url`` is its address; it forgets everything at a stop."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        program = shutil.which("redis-server")
        if program is None:
            raise Missing("redis-server is not installed")
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, cwd=self.socket.parent)
        wait_until(self._answers, "Redis does not answer")

    def stop(self) -> None:
        """Stop the server."""
        if self.process is not None:
            _end(self.process, signal.SIGTERM)
            self.process = None

    def _answers(self) -> bool:
        with contextlib.suppress(redis.exceptions.RedisError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False


def _postgresql_programs() -> Path:
    found = [path for place in _PLACES for path in sorted(Path("/").glob(place[1:]), reverse=True)]
    if (on_path := shutil.which("initdb")) is not None:
        found.append(Path(on_path).parent)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Missing("PostgreSQL's server is not installed")


def _not_as_root(folder: Path) -> list[str]:
    """Return the beginning of a command that runs as a user whom PostgreSQL accepts, who gets the folder."""
    if os.getuid() != 0:
        return []
    for name in _USERS:
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            os.chown(folder, user.pw_uid, user.pw_gid)
            # Without a session of its own, so that the process id is the server's.
            return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
    raise Missing("there is no user to run PostgreSQL as")


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(signal.SIGCONT)
    process.send_signal(how)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
