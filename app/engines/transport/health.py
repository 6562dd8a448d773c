"""Looks in the background whether replicas that are believed broken have mended, and tells whether any works."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

import aiohttp
from multidict import CIMultiDict

from .failures import Cause
from .options import UpstreamOptions
from .replica import Replica

READY_SECONDS = 1.0

log = logging.getLogger("parley")


class Health:
    """Probes each replica once from the start, and after that only those that are believed broken."""

    def __init__(
        self,
        options: UpstreamOptions,
        replicas: Sequence[Replica],
        session: aiohttp.ClientSession,
        headers: CIMultiDict[str],
    ) -> None:
        self._options = options
        self._replicas = replicas
        self._session = session
        self._headers = headers
        self._watching: dict[Replica, asyncio.Task[None]] = {}
        for replica in replicas:
            self.watch(replica, first=True)

    async def close(self) -> None:
        """End what runs in the background."""
        tasks = list(self._watching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def ready(self) -> bool:
        """Whether a replica is known to work, or answers within a second."""
        if any(replica.seen and replica.breaker.closed for replica in self._replicas):
            return True
        if self._options.health_path is None:
            now = asyncio.get_running_loop().time()
            return any(replica.breaker.allows(now) for replica in self._replicas)
        probes = [asyncio.create_task(replica.probe(self._session, self._headers)) for replica in self._replicas]
        try:
            for probe in asyncio.as_completed(probes, timeout=READY_SECONDS):
                if await probe is None:
                    return True
        except TimeoutError:
            pass
        finally:
            for task in probes:
                task.cancel()
        return False

    def watch(self, replica: Replica, *, first: bool = False) -> None:
        """Probe a replica until it has mended; ``first``: at once, in case it has not come up."""
        if self._options.health_path is None or replica in self._watching:
            return
        task = asyncio.create_task(self._probe_until_mended(replica, first))
        self._watching[replica] = task
        task.add_done_callback(lambda _: self._watching.pop(replica, None))

    async def _probe_until_mended(self, replica: Replica, first: bool) -> None:
        now = asyncio.get_running_loop().time
        if first:
            failed = await replica.probe(self._session, self._headers)
            if failed is not None:
                log.warning("upstream of %s, %s: %s", self._options.name, replica.label, failed.reason)
                if failed.cause is Cause.UNREACHABLE and replica.breaker.closed:
                    replica.breaker.open(now())
        while not replica.breaker.closed:
            # Spread, so that workers do not all probe at the same time.
            await asyncio.sleep(self._options.probe_seconds * random.uniform(0.5, 1.5))
            if await replica.probe(self._session, self._headers) is None:
                return  # a request is tried now
            if not replica.breaker.closed:
                replica.breaker.extend(now())
