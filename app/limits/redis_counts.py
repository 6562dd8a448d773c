"""Counts in Redis, for the workers of all machines.

What a worker has to ask is asked together: while one call of the script is under way, what comes in meanwhile waits for
the next. So a busy worker makes fewer calls, and reservations and corrections are in their order.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections import deque
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import MovedError, NoScriptError, RedisClusterException, RedisError

from ..errors import ConfigurationError
from .counts import DONE, LEASE, REQUESTS, Correction, Count, Hold, Reading, Unavailable, undoing

SCRIPT = Path(__file__).with_name("script.lua").read_text()
# The part in braces alone decides where a cluster keeps a key: all are together, as the script needs them.
_PREFIX = "{parley-limits}:"

_ERRORS = (RedisError, RedisClusterException, OSError)

# Seconds to connect and to wait for an answer, and after a failure until the next attempt.
_PATIENCE = 0.5
_RETRY = 1.0
# Operations in a call.
_BATCH = 100
# Milliseconds for which a request may run and still be corrected.
_OPEN = 86_400_000


@dataclass(slots=True, eq=False)
class _Operation:
    """An operation of the script. ``lasting``: it is sent again after a failure; ``undoable``: the request
    and what it holds, if it can be undone."""

    keys: list[str]
    arguments: list[Any]
    lasting: bool = False
    undoable: tuple[str, Sequence[Hold]] | None = None
    reply: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class RedisCounts:
    """Counts in the Redis server, or the cluster, of a URL; ``script`` is that of `script.lua`.

    Raises:
        ConfigurationError: the URL cannot be used.
    """

    def __init__(self, url: str, script: str = SCRIPT) -> None:
        self._url = url
        self._script = script
        self._digest = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        self._client: Any = _client(Redis, url)
        self._waiting: deque[_Operation] = deque()
        # What is lasting and could not be sent.
        self._left: deque[_Operation] = deque()
        self._task: asyncio.Task[None] | None = None
        self._away_until = 0.0

    async def open(self) -> None:
        """See `Counts.open`."""
        await self._ask(_Operation([_request_key("")], ["renew", 1, 0]))

    async def reserve(self, request: str, holds: Sequence[Hold], force: bool) -> Reading:
        """See `Counts.reserve`."""
        corrected = any(claim.measure != REQUESTS for hold in holds for claim in hold.claims)
        keys = [_request_key(request)]
        limits = []
        for hold in holds:
            keys += (_counts_key(hold.subject), _leases_key(hold.subject))
            limits.append([hold.kept * 1000, *(number for claim in hold.claims for number in claim)])
        arguments = ["reserve", force, LEASE * 1000, _OPEN if corrected else 0, limits]
        operation = _Operation(keys, arguments, undoable=(request, holds) if corrected else None)
        try:
            granted, now, *numbers = map(int, (await self._ask(operation)).split())
        except asyncio.CancelledError:
            # The client left. What has been counted in the same moment is taken back.
            reply = operation.reply
            if reply.done() and not reply.cancelled() and reply.exception() is None:
                self._undo(operation)
            raise
        counts = [Count(*numbers[at : at + 3]) for at in range(0, len(numbers), 3)]
        return Reading(bool(granted), now / 1e6, counts)

    def correct(self, correction: Correction) -> Awaitable[object]:
        """See `Counts.correct`."""
        if not correction.subjects and not correction.leases:
            return DONE  # the request's key ends by itself
        operation = _correcting(correction)
        if self._away():
            self._left.append(operation)
            return DONE
        return self._put(operation)

    def renew(self, leases: Mapping[str, Sequence[str]]) -> None:
        """See `Counts.renew`."""
        if self._away():
            return
        for request, subjects in leases.items():
            keys = [_request_key(request), *map(_leases_key, subjects)]
            self._put(_Operation(keys, ["renew", LEASE * 1000, len(subjects)]))

    async def upkeep(self) -> None:
        """See `Counts.upkeep`."""
        if self._left and not self._away():
            self._run()

    async def close(self) -> None:
        """See `Counts.close`."""
        if self._left:
            self._run()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=2 * _PATIENCE)
        with contextlib.suppress(*_ERRORS):
            await self._client.aclose()

    def _away(self) -> bool:
        """Whether Redis has just failed: then nobody waits for it."""
        return time.monotonic() < self._away_until

    async def _ask(self, operation: _Operation) -> str:
        if self._away():
            raise Unavailable("it has just failed")
        return await self._put(operation)

    def _put(self, operation: _Operation) -> asyncio.Future[str]:
        self._waiting.append(operation)
        self._run()
        return operation.reply

    def _run(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        """Send what waits, and what is left of before."""
        try:
            while self._left or self._waiting:
                batch: list[_Operation] = []
                for operations in (self._left, self._waiting):
                    while operations and len(batch) < _BATCH:
                        batch.append(operations.popleft())
                # Of those that nobody waits for any more only the lasting ones count.
                batch = [operation for operation in batch if operation.lasting or not operation.reply.cancelled()]
                if batch:
                    try:
                        replies = await self._call(batch)
                    except _ERRORS as error:
                        self._fail(batch, error)
                        return
                    except Exception as error:
                        # A fault of ours: whoever waits is told, and what caused it is not tried again.
                        for operation in batch:
                            if not operation.reply.done():
                                operation.reply.set_exception(error)
                                operation.reply.exception()
                        asyncio.get_running_loop().call_soon(self._run)
                        raise
                    for operation, reply in zip(batch, replies, strict=True):
                        self._answer(operation, reply)
        finally:
            self._task = None

    def _answer(self, operation: _Operation, reply: str) -> None:
        if not operation.reply.done():
            operation.reply.set_result(reply)
        else:
            self._undo(operation)

    def _undo(self, operation: _Operation) -> None:
        """Take back a reservation whose client has left, or of which nobody knows whether it was made: a correction
        changes nothing unless the request's key is there."""
        if operation.undoable is not None:
            request, holds = operation.undoable
            self._left.append(_correcting(undoing(request, holds, time.time())))

    def _fail(self, batch: Sequence[_Operation], error: Exception) -> None:
        self._away_until = time.monotonic() + _RETRY
        sent = len(batch)
        for place, operation in enumerate([*batch, *self._waiting]):
            if operation.lasting:
                self._left.append(operation)
                if not operation.reply.done():
                    operation.reply.set_result("")
                continue
            if place < sent:
                self._undo(operation)
            if not operation.reply.done():
                operation.reply.set_exception(Unavailable(type(error).__name__))
                operation.reply.exception()  # nobody need wait for it
        self._waiting.clear()

    async def _call(self, batch: Sequence[_Operation]) -> list[str]:
        keys = [key for operation in batch for key in operation.keys]
        arguments = json.dumps([operation.arguments for operation in batch], separators=(",", ":"))
        async with asyncio.timeout(2 * _PATIENCE):
            try:
                return await self._evaluate(keys, arguments)
            except MovedError:
                # The server is a part of a cluster.
                await self._client.aclose()
                self._client = _client(RedisCluster, self._url)
                return await self._evaluate(keys, arguments)

    async def _evaluate(self, keys: Sequence[str], arguments: str) -> list[str]:
        replies: list[str]
        try:
            replies = await self._client.evalsha(self._digest, len(keys), *keys, arguments)
        except NoScriptError:
            replies = await self._client.eval(self._script, len(keys), *keys, arguments)
        return replies


def _client(kind: Any, url: str) -> Any:
    try:
        return kind.from_url(
            url,
            decode_responses=True,
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )
    except (ValueError, RedisError):
        raise ConfigurationError(
            "PARLEY_REDIS must be redis://[:PASSWORD@]HOST[:PORT][/NUMBER], rediss://..., or unix:///PATH."
        ) from None


def _correcting(correction: Correction) -> _Operation:
    keys = [
        _request_key(correction.request),
        *(_counts_key(subject) for subject, _ in correction.subjects),
        *map(_leases_key, correction.leases),
    ]
    differences = [[number for pair in pairs for number in pair] for _, pairs in correction.subjects]
    return _Operation(keys, ["correct", int(correction.now), differences, len(correction.leases)], lasting=True)


def _request_key(request: str) -> str:
    return f"{_PREFIX}request:{request}"


def _counts_key(subject: str) -> str:
    return f"{_PREFIX}counts:{subject}"


def _leases_key(subject: str) -> str:
    return f"{_PREFIX}leases:{subject}"
