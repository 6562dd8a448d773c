"""The transport of an engine: a model behind one server or several identical ones.

A request goes to the replica with the fewest outstanding requests, among those whose breaker is closed. Until the first
byte of its answer has arrived it may be retried, on another replica if there is one. The model process is a single
replica that a supervisor restarts when it ends, so requests to it are retried for a while and it is never avoided.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import math
import random
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass

from ...errors import ApiError, EngineUnavailable, UpstreamRefused
from . import retrying, session
from .attempt import HttpRequest, HttpResponse, failed_reading, send, unusable
from .events import MISSING_DONE, EventParser, EventTooLarge
from .failures import UNREACHABLE, Failed
from .headers import headers_of, secrets_of
from .health import READY_SECONDS, Health
from .http.client import Client
from .http.errors import HttpError
from .http.request import Fields
from .looking import Seen, look
from .options import UpstreamOptions
from .patience import Patience
from .replica import Replica

_DONE = b"[DONE]"

log = logging.getLogger("parley")

# Maps the last failed attempt to the error for the client.
Explain = Callable[[Failed], ApiError]

# One step of a stream: the data of events that arrived together, or the body of an answer that is not a stream.
Events = list[bytes] | bytes


class Replicas:
    """The replicas of one model. `start` must run on the event loop on which everything else is called.

    ``supervised``: there is a single replica, which is restarted when it ends.
    """

    def __init__(
        self,
        options: UpstreamOptions,
        *,
        supervised: bool = False,
        explain: Explain = lambda failed: failed.error,
    ) -> None:
        self.options = options
        self._supervised = supervised
        self._explain = explain
        self._replicas = [Replica(options, index) for index in range(len(options.base_urls))]
        self._get_headers = headers_of(options, "application/json", body=False)
        self._post_headers = headers_of(options, "application/json")
        self._stream_headers = headers_of(options, "text/event-stream, application/json;q=0.9")
        self.secrets = secrets_of(options)
        self._http: Client | None = None
        self._budgets = retrying.RetryBudgets()
        self._health: Health | None = None

    async def start(self) -> None:
        """Open the connection pool and start checking in the background which replicas are up."""
        self._http = session.acquire(self.options.socket)
        if not self._supervised:
            self._health = Health(self.options, self._replicas, self._http, self._get_headers, self._post_headers)

    async def close(self) -> None:
        """Close everything that this upstream has open. Safe without a prior `start`."""
        if self._http is None:
            return
        health, self._http, self._health = self._health, None, None
        if health is not None:
            await health.close()
        await asyncio.gather(*(replica.end_probe() for replica in self._replicas))
        session.release(self.options.socket)

    async def ready(self) -> bool:
        """Whether a replica is known to work, or answers within a second."""
        if self._http is None:
            return False
        if self._health is not None:
            return await self._health.ready()
        # A fresh probe: the process may have ended a moment ago without anything noticing.
        probe = self._replicas[0].probe(self._http, self._get_headers, fresh=True)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(probe, READY_SECONDS) is None
        return False

    @property
    def all(self) -> tuple[Replica, ...]:
        return tuple(self._replicas)

    def only(self, kind: str) -> Replicas:
        """Return a view of the replicas that are of a kind now. It shares all else; do not start or close it."""
        part = copy.copy(self)
        part._replicas = [replica for replica in self._replicas if replica.kind == kind]
        return part

    def explaining(self, explain: Explain) -> Replicas:
        """Return a view of the same replicas that maps failed attempts to other errors, for a single request."""
        part = copy.copy(self)
        part._explain = explain
        return part

    def rank(self) -> tuple[bool, bool, bool, int]:
        """Return a sort key for load balancing; lower is better."""
        now = self._now()
        return min((not replica.breaker.closed, *replica.rank(now)) for replica in self._replicas)

    async def look(self, replica: Replica, paths: Iterable[str], seconds: float) -> dict[str, Seen]:
        """Return a replica's answers, if any, to GET of its list of models and of paths below its root. Only the
        request for the list has the configured key and headers."""
        if self._http is None:
            return {}
        return await look(self._http, replica.base_url, self._get_headers, paths, seconds)

    async def get(self, path: str) -> bytes:
        """Get a small resource, such as ``/models``; raises as `post`."""
        return await self._whole(path, None, self._explain, None)

    async def post(self, path: str, body: bytes, *, explain: Explain | None = None, client: str | None = None) -> bytes:
        """Post JSON and return the body of the answer, whose status is 2xx. Cancelling closes the connection.
        ``explain`` overrides the one of these replicas. ``client`` is the short name of the API key that sent the
        request: failures that one client's requests cause do not affect other clients.

        Raises:
            EngineUnavailable: no replica can be reached, or the replicas report that they are unavailable.
            UpstreamTimeout: the answer did not arrive in time.
            UpstreamFailed: the answer cannot be used.
            UpstreamRefused: the upstream refused the request.
            RateLimited: the upstream has too many requests.
        """
        return await self._whole(path, body, explain or self._explain, client)

    async def stream(self, path: str, body: bytes, *, client: str | None = None) -> AsyncGenerator[Events, None]:
        """Post JSON and yield the data of events, without ``[DONE]``. Events that arrive together are yielded together.
        Closing the generator closes the connection. ``client`` is as for `post`.

        If a stream ends cleanly without ``[DONE]``, the last item is `MISSING_DONE`. If the answer is JSON although a
        stream was requested, its body is yielded as bytes.

        Raises:
            as `post`, also between events.
        """
        opened = await self._open(path, body, self._stream_headers, self._explain, client)
        del body  # a stream may take long, and many of them at once
        with opened as answer:
            if _is_json(answer.content_type):
                yield await answer.read_all(self.options.max_answer)
                return
            if answer.content_type not in ("text/event-stream", "text/plain", ""):
                raise unusable("the answer is not a stream of events")
            feed, read = EventParser(self.options.max_event).feed, answer.read
            chunk, empty = answer.first, True
            while chunk:
                try:
                    events = feed(chunk)
                except EventTooLarge:
                    raise unusable("an event is too large") from None
                for index, data in enumerate(events):
                    if data[:6] == _DONE:
                        answer.leave()
                        if index:
                            yield events[:index]
                        return
                if events:
                    empty = False
                    yield events
                chunk = await read()
            if empty:
                raise unusable("a stream without events")
            yield [MISSING_DONE]

    async def _whole(self, path: str, body: bytes | None, explain: Explain, client: str | None) -> bytes:
        headers = self._get_headers if body is None else self._post_headers
        with await self._open(path, body, headers, explain, client) as answer:
            if not _is_json(answer.content_type) and answer.content_type not in ("text/plain", ""):
                raise unusable("the answer is not JSON")
            return await answer.read_all(self.options.max_answer)

    async def _open(
        self, path: str, body: bytes | None, headers: Fields, explain: Explain, client: str | None
    ) -> _Opened:
        """Send a request, with retries, until the first byte of an answer with status 2xx has arrived."""
        http = self._http
        if http is None:
            raise EngineUnavailable("The engine is not started, or is being stopped. Retry in a moment.")
        now = self._now()
        deadline = now + self.options.timeouts.total
        budget = self._budgets.of(client, now)
        budget.deposit(now)
        tried: set[Replica] = set()
        patience = Patience() if self._supervised else None
        retry = 0
        while True:
            replica = self._choose(tried, now)
            if replica is None:
                raise self._all_down()
            tried.add(replica)
            request = HttpRequest(
                replica.target(path), headers, body, deadline, self.options.timeouts, secrets=self.secrets
            )
            if patience is not None:
                patience.asks()
            replica.outstanding += 1
            try:
                answer = await send(http, request)
            except Failed as failed:
                replica.outstanding -= 1
                self.note(replica, failed, client)
                wait = patience.pause(failed) if patience else self._pause(failed, retry, tried, deadline)
                if wait is None or not (patience or budget.withdraw()):
                    raise explain(failed) from None
            except BaseException:
                replica.outstanding -= 1
                raise
            else:
                replica.seen = replica.breaker.closed
                return _Opened(self, replica, answer, explain, client)
            await asyncio.sleep(wait)
            now = self._now()
            retry += 1

    def _choose(self, tried: set[Replica], now: float) -> Replica | None:
        """Choose the replica to send to: preferably one not tried yet, then the one with the lowest rank."""
        usable = [replica for replica in self._replicas if replica.breaker.closed]
        if len(usable) < 2:
            return next(iter(usable), None)
        random.shuffle(usable)  # `min` takes the first of equals
        return min(usable, key=lambda replica: (replica in tried, *replica.rank(now)))

    def _pause(self, failed: Failed, retry: int, tried: set[Replica], deadline: float) -> float | None:
        """Return the seconds until the next attempt, None for no further attempt."""
        now = self._now()
        asked = failed.retry_after or 0.0
        if any(
            replica not in tried and replica.busy_until <= now and replica.breaker.closed for replica in self._replicas
        ):
            asked = 0.0  # another replica can take the request now
        elif not failed.repeatable:
            return None
        if retry >= self.options.retries or not (failed.repeatable or failed.elsewhere):
            return None
        wait = asked + retrying.pause(retry)
        if asked > retrying.LONGEST_ASKED_PAUSE or now + wait >= deadline:
            return None
        return wait if any(replica.breaker.closed for replica in self._replicas) else None

    def note(self, replica: Replica, failed: Failed, client: str | None) -> None:
        """Record a failed attempt, or an answer that could not be read."""
        if self._supervised:
            return
        if not isinstance(failed.error, UpstreamRefused):
            log.warning("upstream of %s, %s: %s", self.options.name, replica.label, failed.reason)
        if replica.judge(failed, client, self._now()):
            log.warning("upstream of %s, %s: considered broken, not used for a while", self.options.name, replica.label)
            if self._health is not None:
                self._health.watch(replica)

    def _all_down(self) -> EngineUnavailable:
        now = self._now()
        wait = min(replica.breaker.wait(now) for replica in self._replicas)
        return EngineUnavailable(UNREACHABLE, retry_after=max(1, math.ceil(wait)))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


@dataclass(slots=True)
class _Opened:
    """An answer whose first bytes have arrived. As a context, in which it is read, it records whether that succeeded,
    and closes the answer."""

    replicas: Replicas
    replica: Replica
    answer: HttpResponse
    explain: Explain
    client: str | None

    def __enter__(self) -> HttpResponse:
        return self.answer

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self.replica.outstanding -= 1
        self.answer.close()
        if isinstance(error, Failed | HttpError):
            failed = error if isinstance(error, Failed) else failed_reading(error)
            self.replicas.note(self.replica, failed, self.client)
            raise self.explain(failed) from None
        # Also if the reader left.
        self.replica.breaker.succeeded(asyncio.get_running_loop().time(), self.client)


def _is_json(content_type: str) -> bool:
    return content_type == "application/json" or content_type.endswith("+json")
