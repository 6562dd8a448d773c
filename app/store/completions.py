"""Stored chat completions, by project."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Select, delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import NotFound
from ..jsontypes import Json
from ..keeping import Body, Kept, Page
from .database import Database
from .maintenance import Work
from .tables import completion_metadata, completions, repeats
from .writing import Writer

log = logging.getLogger("parley")

_DAY = 86_400
# Bytes of completions that make up a page; more than that, and the page ends early. A body above it is not read again.
_LARGE = 1 << 20
# Bytes of completions of clients that have left, which may wait to be written.
_WAITING = 64 << 20
# Seconds for which writing is awaited when a worker ends.
_PATIENCE = 2.0
# Rows that are removed in one transaction.
_EXPIRED = 200


class StoredCompletions:
    """As `app.keeping.Completions`. ``days`` is for how long completions are kept."""

    def __init__(self, database: Database, writer: Writer, days: int) -> None:
        self._database = database
        self._writer = writer
        self._days = days
        self._waiting = 0
        self._writing: set[asyncio.Task[None]] = set()

    async def keep(self, kept: Kept) -> None:
        # A client that leaves now has seen all of it.
        await asyncio.shield(self._begin(kept))

    def put(self, kept: Kept) -> None:
        if self._waiting > _WAITING:
            log.error("completions of clients that have left wait for the database: one is lost")
            return
        size = _size(kept)
        self._waiting += size

        def done(task: asyncio.Task[None]) -> None:
            self._waiting -= size
            if task.cancelled() or task.exception() is not None:
                log.error("a completion of a client that has left could not be stored")

        self._begin(kept).add_done_callback(done)

    async def close(self) -> None:
        """Wait until all is written, for some seconds at most."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=_PATIENCE)

    def _begin(self, kept: Kept) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._write(kept))
        self._writing.add(task)
        task.add_done_callback(self._written)
        return task

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        # A failure that nobody waits for any more is no fault.
        task.cancelled() or task.exception()

    async def _write(self, kept: Kept) -> None:
        size, now = _size(kept), int(time.time())
        # A thread that joins much lets the event loop go on.
        joined = b"".join(kept.completion) if size < _LARGE else await asyncio.to_thread(b"".join, kept.completion)
        row = {
            "id": kept.id,
            "project": kept.project,
            "model": _text(kept.model),
            "created_at": kept.created,
            "expires_at": now + self._days * _DAY,
            "size": size,
            "completion": joined,
            "messages": orjson.dumps(kept.messages),
        }
        pairs = [(completion_metadata, each) for each in _pairs(kept.id, kept.metadata)]
        await self._writer.write_together([(completions, row), *pairs])

    async def page(
        self, project: str, page: Page, model: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> Body:
        table = completions.c
        wanted = select(table.position, table.size).where(*_seen(project))
        if model is not None:
            wanted = wanted.where(table.model == _text(model))
        for name, value in (metadata or {}).items():
            pair = completion_metadata.c
            having = select(pair.completion).where(pair.name == _text(name), pair.value == _text(value))
            wanted = wanted.where(table.id.in_(having))
        async with self._database.reading() as connection:
            if page.after is not None:
                wanted = await _after(connection, wanted, project, page)
            places = [each.desc() if page.descending else each for each in (table.created_at, table.position)]
            found = (await connection.execute(wanted.order_by(*places).limit(page.limit + 1))).all()
            chosen = _fitting(found[: page.limit])
            rows = await _read(connection, project, chosen)
        more = len(found) > len(chosen)
        return _listed([(row.id, _body(row, pairs)) for row, pairs in rows], more)

    async def get(self, project: str, completion_id: str) -> Body:
        async with self._database.reading() as connection:
            return await _one(connection, project, completion_id)

    async def update(self, project: str, completion_id: str, metadata: Mapping[str, str]) -> Body:
        async with self._database.writing() as connection:
            # Changes of one completion wait for each other.
            locked = select(completions.c.id).where(*_seen(project, completion_id)).with_for_update()
            if (await connection.execute(locked)).first() is None:
                raise _not_found()
            pair = completion_metadata
            await connection.execute(delete(pair).where(pair.c.completion == completion_id))
            if rows := _pairs(completion_id, metadata):
                await connection.execute(insert(pair), rows)
            return await _one(connection, project, completion_id)

    async def delete(self, project: str, completion_id: str) -> None:
        async with self._database.writing() as connection:
            # Its metadata is deleted with it.
            gone = await connection.execute(delete(completions).where(*_seen(project, completion_id)))
            if not gone.rowcount:
                raise _not_found()
            await connection.execute(delete(repeats).where(repeats.c.completion == completion_id))

    async def messages(self, project: str, completion_id: str, page: Page) -> Body:
        wanted = select(completions.c.messages).where(*_seen(project, completion_id))
        async with self._database.reading() as connection:
            found = (await connection.execute(wanted)).first()
        if found is None:
            raise _not_found()
        messages: list[Json] = orjson.loads(found.messages)
        if page.descending:
            messages.reverse()
        if page.after is not None:
            after = next((index for index, each in enumerate(messages) if each["id"] == page.after), None)
            if after is None:
                raise NotFound("There is no such message.", param="after")
            messages = messages[after + 1 :]
        chosen = [(each["id"], each) for each in messages[: page.limit]]
        return _listed(chosen, len(messages) > len(chosen))


def removes_expired() -> Work:
    """Return the work that removes completions which have expired."""

    async def work(connection: AsyncConnection) -> bool:
        table = completions.c
        old = select(table.position).where(table.expires_at <= int(time.time())).limit(_EXPIRED)
        gone = await connection.execute(delete(completions).where(table.position.in_(old)))
        return gone.rowcount == _EXPIRED

    return work


async def _after(connection: AsyncConnection, wanted: Select[Any], project: str, page: Page) -> Select[Any]:
    table = completions.c
    last = select(table.created_at, table.position).where(*_seen(project, page.after))
    place = (await connection.execute(last)).first()
    if place is None:
        raise NotFound("There is no such stored completion.", param="after")
    here, there = tuple_(table.created_at, table.position), tuple_(*place)
    return wanted.where(here < there if page.descending else here > there)


async def _one(connection: AsyncConnection, project: str, completion_id: str) -> Body:
    found = (await connection.execute(select(completions.c.position).where(*_seen(project, completion_id)))).first()
    rows = await _read(connection, project, [found.position]) if found is not None else []
    if not rows:
        raise _not_found()
    ((row, pairs),) = rows
    return _body(row, pairs)


async def _read(
    connection: AsyncConnection, project: str, positions: Sequence[int]
) -> list[tuple[Any, dict[str, str]]]:
    """Return the completions at these positions, in this order, each with its metadata."""
    table, pair = completions.c, completion_metadata.c
    wanted = select(table.position, table.id, table.completion).where(table.position.in_(positions))
    rows = {row.position: row for row in await connection.execute(wanted.where(table.project == project))}
    metadata: dict[str, dict[str, str]] = {}
    ids = [row.id for row in rows.values()]
    for row in await connection.execute(select(completion_metadata).where(pair.completion.in_(ids))):
        metadata.setdefault(row.completion, {})[_plain(row.name)] = _plain(row.value)
    return [(rows[each], metadata.get(rows[each].id, {})) for each in positions if each in rows]


def _seen(project: str, completion_id: str | None = None) -> list[Any]:
    """The conditions by which a project sees its completions, or one of them."""
    table = completions.c
    seen = [table.project == project, table.expires_at > int(time.time())]
    # A text with NUL is no id, and PostgreSQL refuses it.
    return seen if completion_id is None else [table.id == completion_id.replace("\0", " "), *seen]


def _fitting(found: Sequence[Any]) -> list[int]:
    """Return the positions of those that fit on a page, at least one if there is any."""
    chosen: list[int] = []
    size = 0
    for row in found:
        size += row.size
        if chosen and size > _LARGE:
            break
        chosen.append(row.position)
    return chosen


def _body(row: Any, metadata: Mapping[str, str]) -> Body:
    written: bytes = row.completion
    if len(written) > _LARGE:
        return written[:-1] + b',"metadata":' + orjson.dumps(metadata) + b"}" if metadata else written
    completion: Json = orjson.loads(written)
    if metadata:
        completion["metadata"] = metadata
    return completion


def _listed(items: Sequence[tuple[str, Body]], more: bool) -> Body:
    rest = {
        "first_id": items[0][0] if items else None,
        "last_id": items[-1][0] if items else None,
        "has_more": more,
    }
    if len(items) == 1 and isinstance(items[0][1], bytes):
        return b'{"object":"list","data":[' + items[0][1] + b"]," + orjson.dumps(rest)[1:]
    return {"object": "list", "data": [body for _, body in items], **rest}


def _pairs(completion_id: str, metadata: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"completion": completion_id, "name": _text(name), "value": _text(value)} for name, value in metadata.items()
    ]


# PostgreSQL's texts have no NUL.


def _text(plain: str) -> str:
    return plain.replace("\\", "\\\\").replace("\0", "\\0")


def _plain(text: str) -> str:
    return "\\".join(part.replace("\\0", "\0") for part in text.split("\\\\"))


def _size(kept: Kept) -> int:
    return sum(map(len, kept.completion))


def _not_found() -> NotFound:
    return NotFound("There is no such stored completion.", param="completion_id")
