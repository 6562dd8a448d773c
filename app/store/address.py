"""Which database is used: the one of the settings, or the file in the state folder once there is one.

This module imports nothing of SQLAlchemy before it is known that there is a database.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from ..settings import Settings, state_folder

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_FILE = "parley.sqlite3"
HINT = "Create it with `parley db init`, or set PARLEY_DATABASE."


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a database. ``path`` is the file of a SQLite database, None for PostgreSQL."""

    url: URL
    path: Path | None = None

    @property
    def is_sqlite(self) -> bool:
        return self.path is not None

    @property
    def shown(self) -> str:
        """The address without its password, which may be an option of the URL too."""
        if self.path is not None:
            return str(self.path)
        return self.url.difference_update_query(["password", "sslpassword"]).render_as_string(hide_password=True)


def has_database(settings: Settings) -> bool:
    """Return whether there is a database, or the settings ask for one."""
    # Not `Path.exists`, which fails where the folder may not be looked into.
    return settings.database is not None or os.path.exists(default_path(settings))


def default_path(settings: Settings) -> Path:
    """Return the path of the database in the state folder, which need not exist."""
    return state_folder(settings) / _FILE


def address_of(settings: Settings) -> Address:
    """Return the address of the database, which need not exist.

    Raises:
        ConfigurationError: the address is neither of SQLite nor of PostgreSQL.
    """
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError

    if settings.database is None:
        path = default_path(settings)
        return Address(URL.create("sqlite", database=str(path)), path)
    try:
        url = make_url(settings.database)
    except ArgumentError:
        raise _unreadable() from None
    kind = url.drivername.partition("+")[0]
    if kind == "sqlite" and url.database and url.database != ":memory:":
        path = Path(url.database).expanduser().absolute()
        return Address(URL.create("sqlite", database=str(path)), path)
    if kind in ("postgresql", "postgres"):
        return Address(url)
    raise _unreadable()


def _unreadable() -> ConfigurationError:
    return ConfigurationError(
        "PARLEY_DATABASE must be sqlite:///PATH, such as sqlite:////var/lib/parley/parley.sqlite3, or "
        "postgresql://USER:PASSWORD@HOST/NAME."
    )
