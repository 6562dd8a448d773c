"""What must be true before the operators' API is served."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ..errors import ConfigurationError
from ..settings import Settings
from ..store.address import HINT as DATABASE_HINT
from ..store.address import has_database
from .address import Bind, bind_of
from .keys import HINT, key_file, no_key, read_keys

log = logging.getLogger("parley")


def check_start(settings: Settings, names_listeners: bool) -> Bind | None:
    """Return the address of the operators' API, None if it is not to be served. ``names_listeners``: gunicorn's worker
    class says through which socket a request came.

    Raises:
        ConfigurationError: it cannot be served so; the message says why.
    """
    bind = bind_of(settings)
    if bind is None:
        return None
    if not names_listeners:
        raise ConfigurationError(
            "gunicorn's worker class cannot serve the operators' API at an address of its own. Leave out -k and "
            "--worker-class, or PARLEY_ADMIN_BIND."
        )
    require_database(settings)
    path = key_file(settings)
    if not read_keys(path):
        if not bind.is_local:
            raise ConfigurationError(
                f"PARLEY_ADMIN_BIND can be reached from other machines, and no key opens the operators' API. {HINT}"
            )
        log.warning("%s", no_key(path))
    return bind


def require_database(settings: Settings) -> None:
    """Validate that there is a database.

    Raises:
        ConfigurationError: there is none.
    """
    if not has_database(settings):
        raise ConfigurationError(
            f"PARLEY_ADMIN_BIND is set, but there is no database, which the operators' API needs. {DATABASE_HINT}"
        )


def check_listeners(bind: Bind, names: Iterable[object]) -> None:
    """Validate that the server listens at the address of the operators' API; ``names`` are those of its sockets.

    Raises:
        ConfigurationError: it does not, because gunicorn was given other addresses.
    """
    if not any(map(bind.is_called, names)):
        raise ConfigurationError(
            f"gunicorn was given addresses to listen at, and PARLEY_ADMIN_BIND is not among them. Add: -b {bind.text}"
        )
