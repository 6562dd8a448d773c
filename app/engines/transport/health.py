"""Probes replicas with open breakers in the background until they recover, and reports whether any replica works."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

from .failures import Cause
from .http.client import Client
from .http.request import Fields
from .options import UpstreamOptions
from .replica import Replica

READY_SECONDS = 1.0

log = logging.getLogger("parley")


class Health:
    """Probes each replica once at the start, and after that only those whose breaker is open."""

    def __init__(
        self,
        options: UpstreamOptions,
        replicas: Sequence[Replica],
        http: Client,
        headers: Fields,
        post_headers: Fields,
    ) -> None:
        self._options = options
        self._replicas = replicas
        self._http = http
        self._headers = headers
        self._post_headers = post_headers
        self._watching: dict[Replica, asyncio.Task[None]] = {}
        for replica in replicas:
            self.watch(replica, first=True)

    async def close(self) -> None:
        """Cancel the background tasks."""
        tasks = list(self._watching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def ready(self) -> bool:
        """Whether a replica is known to work, or answers within a second."""
        if any(replica.seen and replica.breaker.closed for replica in self._replicas):
            return True
        if self._options.health_path is None:
            return any(replica.breaker.closed for replica in self._replicas)
        probes = [asyncio.create_task(self._works(replica)) for replica in self._replicas]
        try:
            for probe in asyncio.as_completed(probes, timeout=READY_SECONDS):
                if await probe:
                    return True
        except TimeoutError:
            pass
        finally:
            for task in probes:
                task.cancel()
        return False

    async def _works(self, replica: Replica) -> bool:
        failed = await replica.probe(self._http, self._headers)
        if failed is None and self._options.trial is None:
            await replica.mend()
        return failed is None and replica.breaker.closed

    def watch(self, replica: Replica, *, first: bool = False) -> None:
        """Probe a replica until requests may be sent to it; ``first``: also at once, in case it is not up yet."""
        task = self._watching.get(replica)
        if (task is not None and not task.done()) or (first and self._options.health_path is None):
            return
        self._watching[replica] = asyncio.create_task(self._try_until_mended(replica, first))

    async def _try_until_mended(self, replica: Replica, first: bool) -> None:
        now = asyncio.get_running_loop().time
        if first:
            failed = await replica.probe(self._http, self._headers)
            if failed is not None:
                log.warning("upstream of %s, %s: %s", self._options.name, replica.label, failed.reason)
                if failed.cause is Cause.UNREACHABLE and replica.breaker.closed:
                    replica.breaker.open(now())
        pause = 0.0
        while not replica.breaker.closed:
            await asyncio.sleep(max(pause, replica.breaker.wait(now())))
            try:
                await replica.try_again(self._http, self._headers, self._post_headers)
            except Exception:  # no error may end this task: nothing else probes the replica
                log.exception("upstream of %s, %s: could not be probed", self._options.name, replica.label)
            # Jitter, so that workers do not all probe at the same time.
            pause = self._options.probe_seconds * random.uniform(0.5, 1.5)
