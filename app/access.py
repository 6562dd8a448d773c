"""Who may use the server, and what is counted: the configured keys and, once there is a database, its keys and usage.

Nothing of the database is imported before there is one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ConfigurationError
from .settings import Settings
from .store.address import address_of, has_database
from .web.configured_keys import ConfiguredKeys
from .web.keys import Directory

if TYPE_CHECKING:
    from .accounting import Accounting
    from .store.store import Store

log = logging.getLogger("parley")


@dataclass(frozen=True, slots=True)
class Access:
    """The configured keys and, if there is a database, that and the accounts of requests."""

    configured: ConfiguredKeys
    store: Store | None = None
    accounting: Accounting | None = None

    @property
    def directory(self) -> Directory:
        """Where the clients of keys are found."""
        return self.configured if self.store is None else self.store.directory

    async def open(self) -> None:
        """Prepare before the first request."""
        if self.store is not None:
            await self.store.open()
        if self.accounting is not None:
            await self.accounting.limiter.start()

    async def close(self) -> None:
        """Write what is left and close everything, after the last request."""
        if self.accounting is not None:
            await self.accounting.limiter.close()
        if self.store is not None:
            await self.store.close()


def access(settings: Settings) -> Access:
    """Return what a worker needs to know its clients.

    Raises:
        ConfigurationError: the keys of the settings, or the address of the database, cannot be used.
    """
    if not has_database(settings):
        return Access(ConfiguredKeys(settings))
    from .accounting import Accounting
    from .limits.limiter import limiter_of
    from .store.completions import removes_expired
    from .store.maintenance import rolls_up
    from .store.repeats import removes_old_answers
    from .store.store import Store

    try:
        others = has_other_keys(settings)
    except ConfigurationError as error:
        # A worker that starts while the database is away must not accept a key that may no longer be valid.
        log.warning("%s No key is generated.", error)
        others = True
    configured = ConfiguredKeys(settings, others=others)
    work = [rolls_up(settings.usage_days), removes_expired(), removes_old_answers()]
    store = Store(address_of(settings), configured, settings.key_cache, work, completion_days=settings.completion_days)
    accounting = Accounting(store.writer, limiter_of(settings), store.directory.model_limits)
    return Access(configured, store, accounting)


def has_other_keys(settings: Settings) -> bool:
    """Return whether there is a database that has a valid key. This blocks.

    Raises:
        ConfigurationError: the database cannot be read.
    """
    if not has_database(settings):
        return False
    from .store.usable import has_usable_key

    return has_usable_key(address_of(settings))


def check_database(settings: Settings) -> None:
    """Bring a SQLite database up to date, which is created if the settings name it, and check that another is.

    Raises:
        ConfigurationError: it cannot be used, or not without `parley db upgrade`.
    """
    if has_database(settings):
        from .store.migrating import check_current

        check_current(address_of(settings))
