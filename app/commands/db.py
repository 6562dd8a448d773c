"""``parley db ...``: the database."""

from __future__ import annotations

import click

from ..settings import Settings
from ..store.address import address_of
from .told import ToldGroup


@click.group("db", cls=ToldGroup)
def db() -> None:
    """Create the database, and bring it up to date."""


@db.command("init")
def init() -> None:
    """Create the database: the one of PARLEY_DATABASE, or a SQLite file in the state folder."""
    _upgrade("is ready")


@db.command("upgrade")
def upgrade() -> None:
    """Bring the tables up to date. A SQLite database is also brought up to date when a server starts."""
    _upgrade("is up to date")


@db.command("status")
def status() -> None:
    """Print the address of the database, and whether its tables are up to date."""
    from ..store.migrating import is_current, revision

    address = address_of(Settings.from_environment())
    found = revision(address)
    state = (
        "there is none yet" if found is None else "up to date" if is_current(address) else "needs `parley db upgrade`"
    )
    click.echo(f"{address.shown}: {state}")


def _upgrade(told: str) -> None:
    from ..store.migrating import upgrade

    address = address_of(Settings.from_environment())
    changed = upgrade(address)
    click.echo(f"{address.shown} {told}{'' if changed else ', nothing was to be done'}")
