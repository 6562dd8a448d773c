"""The rules of limits as they are meant, slowly: all that was ever counted is kept, and summed up when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.limits.counts import CONCURRENT, DAY, REQUESTS, TOKENS, Hold

MINUTE = (REQUESTS, TOKENS)


@dataclass
class Entry:
    request: str
    subject: str
    measure: int
    amount: int
    at: float


@dataclass
class Reference:
    entries: list[Entry] = field(default_factory=list)

    def used(self, subject: str, measure: int, now: float) -> int:
        mine = [entry for entry in self.entries if (entry.subject, entry.measure) == (subject, measure)]
        return sum(entry.amount for entry in mine if counts(measure, entry.at, now))

    def free(self, subject: str, measure: int, room: int, now: float) -> int:
        """The first whole second from which no more than ``room`` is counted."""
        second = int(now)
        while self.used(subject, measure, second) > room:
            second += 1
        return second

    def reserve(self, request: str, holds: Sequence[Hold], force: bool, now: float) -> tuple[bool, list[int]]:
        used = [self.used(hold.subject, claim.measure, now) for hold in holds for claim in hold.claims]
        claims = [claim for hold in holds for claim in hold.claims]
        granted = all(amount + claim.amount <= claim.limit for amount, claim in zip(used, claims, strict=True))
        if granted or force:
            self.entries += [
                Entry(request, hold.subject, claim.measure, claim.amount, now)
                for hold in holds
                for claim in hold.claims
            ]
        return granted, used

    def settle(self, request: str, used: Mapping[int, int]) -> None:
        """Set what a request is counted with, and end its places."""
        self.entries = [entry for entry in self.entries if (entry.request, entry.measure) != (request, CONCURRENT)]
        for entry in self.entries:
            if entry.request == request:
                entry.amount = used.get(entry.measure, entry.amount)


def counts(measure: int, at: float, now: float) -> bool:
    if measure == CONCURRENT:
        return True
    if measure in MINUTE:
        return int(at) > int(now) - 60
    form = "%Y-%m-%d" if measure == DAY else "%Y-%m"
    return datetime.fromtimestamp(at, UTC).strftime(form) == datetime.fromtimestamp(now, UTC).strftime(form)
