"""What a database costs a request: its key looked up, limits reserved and settled, its usage recorded."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from sqlalchemy import insert

from app.settings import Settings
from app.store.address import address_of
from app.store.database import Database, writes
from app.store.migrating import upgrade
from app.store.tables import keys, limits, secrets

from .. import load, servers
from ..compare import PerRequest, side_by_side
from ..server import KEY, Server
from ..table import Table
from ..target import Target

ROUNDS = 7

WITH = "CPU of a relayed request with key lookup, limits and usage, 16 at once, of one without"

TARGETS = {WITH: Target(1.15)}


def run(table: Table) -> None:
    """CPU time per request of both, in turn."""
    with tempfile.TemporaryDirectory() as state:
        settings = {"PARLEY_DATABASE": _database(Path(state)), "PARLEY_STATE_DIR": state, "PARLEY_API_KEYS": "another"}
        with (
            servers.upstream() as upstream,
            servers.relaying(upstream) as without,
            servers.relaying(upstream, name="parley, database", settings=settings) as having,
        ):
            ratio = asyncio.run(_measure([without, having]))
    table.hold("accounts", WITH, ratio, TARGETS[WITH])


async def _measure(found: Sequence[Server]) -> float:
    async with load.session() as client:
        costs = await side_by_side(found, PerRequest(client, ("Hello there!",)), ROUNDS)
    without, having = found
    return costs.ratio(having.name, without.name)


def _database(state: Path) -> str:
    """Return the URL of a database that knows the bench's key, with limits that are never reached."""
    url = f"sqlite:///{state / 'parley.sqlite3'}"
    address, now = address_of(Settings(database=url)), int(time.time())
    upgrade(address)
    most = {"requests_per_minute": 1 << 40, "tokens_per_minute": 1 << 50, "tokens_per_month": 1 << 50}
    digest = sha256(KEY.encode()).hexdigest()
    with writes(Database(address).blocking).begin() as connection:
        connection.execute(insert(keys).values(name="bench", project="default", created_at=now))
        connection.execute(insert(secrets).values(digest=digest, key="bench", prefix="sk-bench", created_at=now))
        connection.execute(insert(limits).values(kind="key", subject="bench", **most))
    return url
