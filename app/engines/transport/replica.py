"""One replica of an upstream: its address, its load, and its health."""

from __future__ import annotations

import asyncio
from typing import Protocol

from .attempt import HttpRequest, HttpResponse, send
from .breaker import Breaker
from .failures import Cause, Failed, Verdict
from .http.client import Client
from .http.request import Fields, Target
from .options import Timeouts, UpstreamOptions
from .retrying import LONGEST_ASKED_PAUSE

_PROBE_BYTES = 8 << 20
_PROBE_SECONDS = 5.0
# The verdicts of failed attempts at a replica that works.
_WORKS = (Verdict.BUSY, Verdict.SOUND)
# The causes by which attempts fail when a server ends.
_LOST = (Cause.UNREACHABLE, Cause.LOST, Cause.BROKEN_OFF)
# Seconds for which the result of a probe is cached.
_PROBE_HOLDS = 1.0


class Watcher(Protocol):
    """Is notified when a replica was unreachable: a different server may come back."""

    def lost(self, replica: Replica) -> None:
        """A connection to the replica could not be made, or broke."""
        ...

    async def back(self, replica: Replica) -> None:
        """The replica answers again after its breaker was open; it gets requests once this returns."""
        ...


class Replica:
    """Tracks its outstanding requests and the outcomes of past ones. ``label`` is its name in the log. ``kind`` is the
    kind of its server if that is detected, and ``watcher`` the object that detects it."""

    def __init__(self, options: UpstreamOptions, index: int) -> None:
        self.label = f"replica {index + 1} of {len(options.base_urls)}"
        self.kind: str | None = None
        self.watcher: Watcher | None = None
        self.breaker = Breaker()
        self.outstanding = 0
        self.busy_until = 0.0
        self.seen = False  # it has answered since its breaker was last open
        self._options = options
        self.base_url = options.base_urls[index].rstrip("/")
        self._targets: dict[str, Target] = {}
        self._probe: asyncio.Task[Failed | None] | None = None
        self._probed = -_PROBE_HOLDS
        self._failed: Failed | None = None

    def target(self, path: str) -> Target:
        """Return the address of a path. Results are cached: paths must be few and never come from clients."""
        found = self._targets.get(path)
        if found is None:
            found = self._targets[path] = Target(self.base_url + path)
        return found

    def rank(self, now: float) -> tuple[bool, bool, int]:
        """Return a sort key for load balancing; lower is better."""
        return self.busy_until > now, self.breaker.doubted(now), self.outstanding

    def judge(self, failed: Failed, client: str | None, now: float) -> bool:
        """Record a client's failed attempt. Returns whether it opened the breaker."""
        if failed.retry_after is not None and failed.verdict is not Verdict.SOUND:
            self.busy_until = max(self.busy_until, now + min(failed.retry_after, LONGEST_ASKED_PAUSE))
        if failed.elsewhere:
            self.busy_until = now + LONGEST_ASKED_PAUSE  # prefer the other replicas
        if self.watcher is not None and failed.cause in _LOST:
            self.watcher.lost(self)
        if failed.verdict in _WORKS:
            return False
        opened = self.breaker.failed(now, client, failed.verdict)
        self.seen &= self.breaker.closed
        return opened

    async def probe(self, http: Client, headers: Fields, *, fresh: bool = False) -> Failed | None:
        """Request the health path. Returns the failure, None if it answers. Concurrent callers share one probe; its
        result is also reused for a second, except for callers that want a ``fresh`` one."""
        loop = asyncio.get_running_loop()
        if self._probe is None:
            if not fresh and loop.time() < self._probed + _PROBE_HOLDS:
                return self._failed
            self._probe = loop.create_task(self._ask(http, headers))
        return await asyncio.shield(self._probe)

    async def try_again(self, http: Client, get: Fields, post: Fields) -> None:
        """Check whether the replica works again, and close the breaker if so. The check is the trial request if one is
        configured, else the health path; without either the replica is assumed to work. ``get`` and ``post`` are the
        headers for the two methods."""
        now = asyncio.get_running_loop().time
        trial, timeouts = self._options.trial, self._options.timeouts
        failed: Failed | None = None
        if trial is not None:
            target, deadline = self.target(trial.path), now() + timeouts.total
            failed = await _asked(http, HttpRequest(target, post, trial.body, deadline, timeouts))
        elif self._options.health_path is not None:
            failed = await self.probe(http, get, fresh=True)
        if failed is None or failed.verdict in _WORKS:
            await self.mend()

    async def mend(self) -> None:
        """Close the breaker after an answered probe, if it has cooled down."""
        now = asyncio.get_running_loop().time
        if self.breaker.closed or self.breaker.wait(now()):
            return
        if self.watcher is not None:
            await self.watcher.back(self)
        self.breaker.mended(now())

    async def end_probe(self) -> None:
        """Cancel a running probe."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)

    async def _ask(self, http: Client, headers: Fields) -> Failed | None:
        now = asyncio.get_running_loop().time
        seconds = min(_PROBE_SECONDS, self._options.timeouts.first_byte)
        timeouts = Timeouts(connect=self._options.timeouts.connect, first_byte=seconds, idle=seconds)
        target = self.target(self._options.health_path or "")
        self._failed = None
        try:
            failed = await _asked(http, HttpRequest(target, headers, None, now() + seconds, timeouts))
            # These servers are up: those without a list of models answer 404, busy ones 429.
            if failed is not None and failed.status not in (404, 405, 429):
                self._failed = failed
        finally:
            self._probe, self._probed = None, now()
        if self._failed is None:
            self.seen = self.breaker.closed
        return self._failed


async def _asked(http: Client, request: HttpRequest) -> Failed | None:
    """Send a request of ours. Returns the failure, None if it was answered."""
    answer: HttpResponse | None = None
    try:
        answer = await send(http, request)
        await answer.read_all(_PROBE_BYTES)
    except Failed as failed:
        return failed
    finally:
        if answer is not None:
            answer.close()
    return None
