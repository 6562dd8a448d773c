"""Whether the database has a key that opens the server, for the start."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from ..errors import ConfigurationError
from .address import Address
from .database import Database
from .lookup import valid_now
from .tables import keys, secrets


def has_usable_key(address: Address) -> bool:
    """Return whether the database has a valid key. This blocks.

    Raises:
        ConfigurationError: the database cannot be read.
    """
    wanted = select(keys.c.name).join(secrets, secrets.c.key == keys.c.name).where(*valid_now()).limit(1)
    database = Database(address)
    try:
        with database.blocking.connect() as connection:
            return connection.scalar(wanted) is not None
    except SQLAlchemyError as error:
        raise ConfigurationError(f"The keys in {address.shown} cannot be read ({type(error).__name__}).") from None
    finally:
        database.blocking.dispose()
