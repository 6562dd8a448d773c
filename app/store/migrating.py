"""Creates the tables of a database, and brings them up to date, with Alembic."""

from __future__ import annotations

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from ..errors import ConfigurationError
from .address import Address
from .database import Database, writes

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(address: Address) -> bool:
    """Bring a database up to date; a SQLite file is created. Return whether anything has changed.

    Raises:
        ConfigurationError: the database cannot be reached or changed.
    """
    if address.path is not None:
        _create_file(address.path)
    if is_current(address):
        return False
    database = Database(address)
    try:
        # One process at a time: others wait for the lock of the file, or of the table that Alembic keeps.
        with writes(database.blocking).begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise _failed(address, error) from None
    finally:
        database.blocking.dispose()
    return True


def is_current(address: Address) -> bool:
    """Return whether a database has the tables that this version needs.

    Raises:
        ConfigurationError: the database cannot be reached.
    """
    return revision(address) == ScriptDirectory.from_config(_config()).get_current_head()


def revision(address: Address) -> str | None:
    """Return the revision of a database's tables; None: it has none.

    Raises:
        ConfigurationError: the database cannot be reached.
    """
    if address.path is not None and not address.path.exists():
        return None
    database = Database(address)
    try:
        with database.blocking.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        raise _failed(address, error) from None
    finally:
        database.blocking.dispose()


def check_current(address: Address) -> None:
    """Bring a SQLite database up to date, and check that another is.

    Raises:
        ConfigurationError: it cannot be used, or not without `parley db upgrade`.
    """
    if address.is_sqlite:
        upgrade(address)
    elif not is_current(address):
        raise ConfigurationError(
            f"The database {address.shown} does not have the tables of this version. Run `parley db upgrade`."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _create_file(path: Path) -> None:
    """Create an empty file that only its owner can read. SQLite's further files have the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise ConfigurationError(f"The database {path} cannot be created: {error.strerror}.") from None


def _failed(address: Address, error: SQLAlchemyError) -> ConfigurationError:
    # The driver's own text may contain the statement, but not the password.
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return ConfigurationError(f"The database {address.shown} cannot be used: {cause}")
