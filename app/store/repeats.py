"""Answers to requests with an ``Idempotency-Key``, which are repeated if the request is."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import Any

import orjson
from sqlalchemy import and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import Conflict, StoreUnavailable
from ..keeping import Answer
from .database import Database
from .maintenance import Work
from .tables import repeats
from .upserting import insert_into

log = logging.getLogger("parley")

# Seconds for which an answer is kept.
_KEPT = 86_400
# Seconds after which the claim of a process that has died ends, and between two renewals.
LEASE = 30
_RENEWED = 10.0
# Seconds after which a client may ask again whether a request has ended.
_RETRY = 2
# Attempts to claim a key that others release meanwhile.
_ATTEMPTS = 3
# Seconds for which the end of releases is awaited when a worker ends.
_PATIENCE = 2.0
# Rows that are removed in one transaction.
_EXPIRED = 200


class StoredRepeats:
    """As `app.keeping.Repeats`. It belongs to one event loop."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._releasing: set[asyncio.Task[None]] = set()

    async def claim(self, owner: str, key: str, fingerprint: str) -> StoredClaim | Answer:
        claim = secrets.token_hex(16)
        for _ in range(_ATTEMPTS):
            async with self.database.writing() as connection:
                if await _claimed(connection, owner, key, fingerprint, claim):
                    return StoredClaim(self, owner, key, claim)
                wanted = select(repeats).where(repeats.c.owner == owner, repeats.c.key == key)
                row = (await connection.execute(wanted)).first()
            if row is None:
                continue  # released meanwhile
            if row.fingerprint != fingerprint:
                raise Conflict(
                    "This Idempotency-Key has been used for another request. Use a new key.",
                    param="Idempotency-Key",
                    code="idempotency_key_reused",
                )
            if row.status is not None:
                return Answer(row.status, orjson.loads(row.headers), row.body, row.completion)
            break
        raise Conflict(
            "A request with this Idempotency-Key is still running. Repeat it to get its answer when it has ended.",
            param="Idempotency-Key",
            code="idempotency_key_in_use",
            retry_after=_RETRY,
        )

    def release(self, owner: str, key: str, claim: str) -> None:
        """Delete the row of a claim, as soon as possible."""
        task = asyncio.get_running_loop().create_task(self._delete(owner, key, claim))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _delete(self, owner: str, key: str, claim: str) -> None:
        try:
            async with self.database.writing() as connection:
                await connection.execute(delete(repeats).where(_row(owner, key, claim), repeats.c.status.is_(None)))
        except StoreUnavailable:
            log.warning("an Idempotency-Key could not be released; it is free again after %d seconds", LEASE)

    async def close(self) -> None:
        """Wait until keys are released, for some seconds at most."""
        if self._releasing:
            await asyncio.wait(self._releasing, timeout=_PATIENCE)


class StoredClaim:
    """As `app.keeping.Claim`."""

    def __init__(self, stored: StoredRepeats, owner: str, key: str, claim: str) -> None:
        self._stored = stored
        self._row = (owner, key, claim)
        self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def keep(self, answer: Answer) -> None:
        values = {
            "status": answer.status,
            "headers": orjson.dumps(dict(answer.headers)).decode(),
            "body": answer.body,
            "completion": answer.completion,
            "expires_at": int(time.time()) + _KEPT,
        }
        async with self._stored.database.writing() as connection:
            done = await connection.execute(update(repeats).where(_row(*self._row)).values(values))
        self._renewing.cancel()
        if not done.rowcount:
            log.warning("an answer is not kept for its Idempotency-Key: the claim had ended")

    def release(self) -> None:
        self._renewing.cancel()
        self._stored.release(*self._row)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEWED)
            try:
                async with self._stored.database.writing() as connection:
                    until = int(time.time()) + LEASE
                    await connection.execute(update(repeats).where(_row(*self._row)).values(expires_at=until))
            except StoreUnavailable:
                log.warning("the claim of an Idempotency-Key could not be renewed")


def removes_old_answers() -> Work:
    """Return the work that removes answers and claims which have expired."""

    async def work(connection: AsyncConnection) -> bool:
        old = select(repeats.c.owner, repeats.c.key).where(repeats.c.expires_at <= int(time.time())).limit(_EXPIRED)
        rows = (await connection.execute(old)).all()
        for owner, key in rows:
            await connection.execute(
                delete(repeats).where(
                    repeats.c.owner == owner, repeats.c.key == key, repeats.c.expires_at <= int(time.time())
                )
            )
        return len(rows) == _EXPIRED

    return work


async def _claimed(connection: AsyncConnection, owner: str, key: str, fingerprint: str, claim: str) -> bool:
    """Make a row for the claim, unless there is one that has not expired; return whether it was made."""
    now = int(time.time())
    values = {
        "fingerprint": fingerprint,
        "claim": claim,
        "expires_at": now + LEASE,
        **dict.fromkeys(("status", "headers", "body", "completion")),
    }
    insert = insert_into(connection, repeats).values(owner=owner, key=key, **values)
    made = await connection.execute(
        insert.on_conflict_do_update(
            index_elements=[repeats.c.owner, repeats.c.key], set_=values, where=repeats.c.expires_at <= now
        ).returning(repeats.c.claim)
    )
    return made.first() is not None


def _row(owner: str, key: str, claim: str) -> Any:
    return and_(repeats.c.owner == owner, repeats.c.key == key, repeats.c.claim == claim)
