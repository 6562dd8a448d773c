"""Detects the kinds of servers of an upstream's replicas: at the start, and again each time a replica was unreachable.

Detection never runs as part of a client's request. After a connection failed, a different server may come back, so the
replica is examined in the background. If its breaker was open, it is examined before it gets requests again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from .dialects.recognising import LOOKS, by_host, entries, recognise
from .dialects.unknown import UNKNOWN
from .transport.looking import LISTING, Seen
from .transport.replica import Replica
from .transport.replicas import Replicas
from .upstream import length_of

# Seconds between two examinations of a replica that is not recognised: the first pause and the longest.
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0

log = logging.getLogger("parley")


@dataclass(frozen=True, slots=True)
class Met:
    """What is known about the replicas. ``each`` has their kinds in order, None before the first contact. ``lengths``
    are the context lengths of the models that they list, the shortest if they differ. ``settled``: each replica is
    recognised, or was examined once without success."""

    each: tuple[str | None, ...] = ()
    lengths: Mapping[str, int] = field(default_factory=dict)
    settled: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The distinct kinds, the most common first."""
        return tuple(kind for kind, _ in Counter(kind for kind in self.each if kind is not None).most_common())


class Recognition:
    """As `app.engines.transport.replica.Watcher`, for all replicas of an upstream.

    ``met`` is replaced by a new object whenever its value changes. ``changed``: a server has become one of another kind
    since the start.
    """

    def __init__(self, replicas: Replicas) -> None:
        self.met = Met()
        self.changed = False
        self._open = False
        self._replicas = replicas
        self._seconds = replicas.options.timeouts.connect
        self._lengths: dict[Replica, Mapping[str, int]] = {}
        self._tasks: dict[Replica, asyncio.Task[None]] = {}
        self._looked: set[Replica] = set()
        self._all_looked = asyncio.Event()
        self._change = asyncio.Event()
        for replica in replicas.all:
            replica.watcher = self
            replica.kind = by_host(replica.base_url)
        self._look_over()

    def start(self) -> None:
        """Start examining in the background. The replicas must be started."""
        self._open = True
        for replica in self._replicas.all:
            self.lost(replica)

    async def close(self) -> None:
        """Cancel the background tasks."""
        self._open = False
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def known(self) -> None:
        """Wait until it is settled, for at most the connect timeout. Return at once if it is not running."""
        if not self._open:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_looked.wait(), self._seconds)

    async def change(self) -> None:
        """Wait until a server becomes one of another kind."""
        self._change.clear()
        await self._change.wait()

    def lost(self, replica: Replica) -> None:
        task = self._tasks.get(replica)
        if self._open and (task is None or task.done()) and by_host(replica.base_url) is None:
            self._tasks[replica] = asyncio.create_task(self._look_until_known(replica))

    async def back(self, replica: Replica) -> None:
        if by_host(replica.base_url) is None:
            await self._look(replica)

    async def _look_until_known(self, replica: Replica) -> None:
        if replica in self._looked:
            await asyncio.sleep(_FIRST_PAUSE)  # it has only just become unreachable
        pause = _FIRST_PAUSE
        while not await self._look(replica) and replica.breaker.closed:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _look(self, replica: Replica) -> bool:
        """Examine a replica and store its kind. Returns whether examining it again is unnecessary."""
        try:
            seen = await self._replicas.look(replica, LOOKS, self._seconds)
            kind, listing = recognise(seen), seen.get(LISTING)
            # A server that fails or refuses may be starting, or be a proxy in front of a server that is known.
            worst = 500 if replica.kind is None else 201
            if kind is None and listing is not None and listing.status < worst:
                kind = UNKNOWN.name
            if kind is not None:
                self._take(replica, kind, listing)
            return kind is not None
        except Exception:  # no answer of a server may end this task
            log.exception("upstream of %s, %s: could not be recognised", self._replicas.options.name, replica.label)
            return True
        finally:
            self._looked.add(replica)
            self._look_over()

    def _take(self, replica: Replica, kind: str, listing: Seen | None) -> None:
        name, before = self._replicas.options.name, replica.kind
        lengths = {
            entry["id"]: length
            for entry in entries(listing)
            if isinstance(entry.get("id"), str) and (length := length_of(entry)) is not None
        }
        replica.kind, self._lengths[replica] = kind, lengths
        if kind == before:
            return
        if kind == UNKNOWN.name:
            log.warning(
                "upstream of %s, %s: not recognised, and treated as OpenAI's API; `parley certify URL` shows which "
                "parameters it honours",
                name,
                replica.label,
            )
        else:
            log.info("upstream of %s, %s: recognised as %s", name, replica.label, kind)
        if before is not None:
            self.changed = True
            self._change.set()

    def _look_over(self) -> None:
        """Combine the results of all replicas."""
        replicas = self._replicas.all
        lengths: dict[str, int] = {}
        for found in self._lengths.values():
            for model, length in found.items():
                lengths[model] = min(length, lengths.get(model, length))
        settled = all(replica.kind is not None or replica in self._looked for replica in replicas)
        met = Met(tuple(replica.kind for replica in replicas), lengths, settled)
        if met != self.met:
            self.met = met
        if settled:
            self._all_looked.set()
