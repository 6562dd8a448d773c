"""Accounts of requests where there is a database: limits are reserved and settled, and usage is recorded."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, ClassVar

from .accounts import Account, Client, Tally
from .jsontypes import Json
from .limits.counts import DONE
from .limits.limiter import RateLimiter, Reservation, Subject
from .limits.limits import Limits
from .random_ids import random_id
from .store.tables import MODEL, NAME, usage
from .store.usage import first_id
from .store.writing import Writer

_ERROR = 400
# The longest reason why an answer ended, and the highest cost: sums of it stay below 64 bits.
_REASON = 32
_MOST = 1 << 53
# Clients and models whose subjects are remembered.
_REMEMBERED = 1024


class Accounting:
    """Opens the accounts of a worker's requests. ``model_limits`` returns the limits of a model by its id."""

    def __init__(self, writer: Writer, limiter: RateLimiter, model_limits: Callable[[str], Limits | None]) -> None:
        self.writer = writer
        self.limiter = limiter
        self._model_limits = model_limits
        # What has limits, by the names of a client and a model, for as long as these are the same.
        self._subjects: dict[tuple[str | None, str], tuple[Client | None, Limits | None, Sequence[Subject]]] = {}

    def open(self, client: Client | None, request_id: str, operation: str, log: Json) -> Account:
        """Open the account of a request. ``operation`` is the name of its operation; ``log`` gets what the log is to
        say about limits."""
        return RequestAccount(self, client, request_id, operation, log)

    def subjects(self, client: Client | None, model: str) -> Sequence[Subject]:
        """Return what has limits that a request must keep to: its key, its project, its model."""
        limits = self._model_limits(model)
        names = client.name if client is not None else None, model
        known = self._subjects.get(names)
        if known is not None and known[0] is client and known[1] is limits:
            return known[2]
        found = []
        if client is not None:
            if client.limits:
                found.append(Subject("key", client.name, client.limits))
            if client.project_limits:
                found.append(Subject("project", client.project, client.project_limits))
        if limits:
            found.append(Subject("model", model, limits))
        if len(self._subjects) >= _REMEMBERED:
            self._subjects.clear()
        self._subjects[names] = client, limits, found
        return found


class RequestAccount(Account):
    """The account of one request; see `Account`."""

    counts: ClassVar[bool] = True
    __slots__ = (
        "_accounting",
        "_begun",
        "_log",
        "_operation",
        "_request_id",
        "_reservations",
        "_settled",
        "_subjects",
        "_time",
        "_unused",
    )

    def __init__(
        self, accounting: Accounting, client: Client | None, request_id: str, operation: str, log: Json
    ) -> None:
        # As `Account` does.
        self.client, self.tally, self.headers = client, Tally(), []
        self._accounting = accounting
        self._request_id, self._operation, self._log = request_id, operation, log
        self._time, self._begun = int(time.time() * 1000), time.perf_counter()
        # What is reserved, the last for the model that answers; for whom that was; and the models that do not answer.
        self._reservations: list[Reservation] = []
        self._subjects: Sequence[Subject] = ()
        self._unused: list[Subject] = []
        self._settled = False

    @property
    def slow(self) -> bool:
        return self._accounting.writer.slow

    def reserve(self) -> Coroutine[Any, Any, None]:
        return self._reserve(self._accounting.subjects(self.client, self.tally.model))

    def switch(self) -> Coroutine[Any, Any, None]:
        self._unused += [subject for subject in self._subjects if subject.kind == "model"]
        return self._reserve(self._accounting.subjects(None, self.tally.model))

    async def _reserve(self, subjects: Sequence[Subject]) -> None:
        self._subjects = subjects
        if not subjects:
            return
        tally = self.tally
        reservation = await self._accounting.limiter.reserve(
            subjects,
            tokens=tally.prompt + tally.most,
            money=tally.price(tally.prompt, tally.most, 0),
            explicit=tally.explicit,
        )
        if not self._reservations:
            # Those of the model that was asked for, if another one answers.
            self.headers += reservation.headers
        self._reservations.append(reservation)
        if reservation.exceeded is not None:
            self._log["limit"] = reservation.exceeded

    def settle(self, status: int, error: str | None = None) -> Awaitable[object] | None:
        return self._settle(status, error, left=False)

    def leave(self, status: int) -> None:
        self._settle(status, "client_gone", left=True)

    def _settle(self, status: int, error: str | None, *, left: bool) -> Awaitable[object] | None:
        if self._settled:
            return None
        self._settled = True
        row = self._row(status, error, left=left)
        recorded = self._accounting.writer.record(usage, row)
        tokens = row["prompt_tokens"] + row["completion_tokens"]
        corrected = []
        for each in self._reservations:
            done = self._accounting.limiter.settle(each, tokens=tokens, money=row["cost"], unused=self._unused)
            if done is not DONE:
                corrected.append(done)
        if not corrected:
            return recorded
        return None if left else _all(recorded, *corrected)

    def _row(self, status: int, error: str | None, *, left: bool) -> Mapping[str, Any]:
        tally = self.tally
        prompt, completion, reasoning, cached, estimated = _tokens(tally, failed=status >= _ERROR, left=left)
        client, asked, model = self.client, tally.asked, _text(tally.model, MODEL)
        return {
            "id": f"{first_id(self._time)}{random_id()[:20]}",
            "request_id": self._request_id,
            "time": self._time,
            "operation": self._operation[:NAME],
            "key": client.name if client is not None else None,
            "project": client.project if client is not None else None,
            "asked": model if asked == tally.model else _text(asked, MODEL),
            "model": model,
            "upstream": _text(tally.upstream, MODEL),
            "status": status,
            "error": None if error is None else error[:NAME],
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "reasoning_tokens": reasoning,
            "cached_tokens": cached,
            "cost": min(tally.price(prompt, completion, cached), _MOST),
            "first_ms": None if tally.first is None else round((tally.first - self._begun) * 1000),
            "total_ms": round((time.perf_counter() - self._begun) * 1000),
            "finish_reason": _text(tally.finish, _REASON),
            "stream": tally.stream,
            "left": left,
            "estimated": estimated,
        }


async def _all(*awaited: Awaitable[object]) -> None:
    for each in awaited:
        await each


def _tokens(tally: Tally, *, failed: bool, left: bool) -> tuple[int, int, int, int, bool]:
    """Return the tokens of the prompt and of the answer, those of reasoning and of the cache among them, and whether
    they are estimated."""
    told = tally.usage
    if told is not None:
        completion = _count(told.get("completion_tokens"))
        # A model may report its usage so far, and its client leave later.
        more = left and tally.pieces > completion
        prompt = _count(told.get("prompt_tokens"))
        of_answer, of_prompt = told.get("completion_tokens_details"), told.get("prompt_tokens_details")
        return (
            prompt,
            tally.pieces if more else completion,
            _count(of_answer.get("reasoning_tokens")) if of_answer else 0,
            # Some servers do not count them as a part of the prompt: then no cost may get negative.
            min(_count(of_prompt.get("cached_tokens")), prompt) if of_prompt else 0,
            more,
        )
    if not tally.pieces and (failed or not tally.model) and not left:
        return 0, 0, 0, 0, False
    return tally.prompt, tally.pieces, 0, 0, True


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 48 else 0


def _text(value: object, longest: int) -> str | None:
    """Return a text as databases take it: without NUL, and of a bounded length."""
    return value.replace("\0", "")[:longest] if isinstance(value, str) and value else None
