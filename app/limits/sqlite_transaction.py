"""What one transaction in a SQLite file does to the counts."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from .counts import LEASE, Correction, Count, Hold, Reading
from .state import State

_READ = "SELECT id, state, expires FROM counts WHERE subject = ?"
_INSERT = "INSERT INTO counts (subject, state, expires) VALUES (?, ?, ?)"
_UPDATE = "UPDATE counts SET state = ?, expires = ? WHERE id = ?"
_PLACES = "SELECT count(*) FROM leases WHERE subject = ? AND expires > ?"
_LEASE = "INSERT INTO leases VALUES (?1, ?2, ?3) ON CONFLICT (subject, request) DO UPDATE SET expires = ?3"
_RELEASE = "DELETE FROM leases WHERE subject = ? AND request = ?"


class Transaction:
    """A transaction that reads and writes each subject once."""

    __slots__ = ("_advanced", "_changed", "_connection", "_now", "_second", "_states")

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self._second = int(now)
        # The row, the state, and when it expires.
        self._states: dict[str, tuple[int | None, State, int]] = {}
        self._changed: dict[str, int] = {}
        # Those that have forgotten what does not count any more now.
        self._advanced: set[str] = set()

    def renew(self, leases: Mapping[str, Sequence[str]]) -> None:
        if leases:
            expires = self._now + LEASE
            rows = [(subject, request, expires) for request, subjects in leases.items() for subject in subjects]
            self._connection.executemany(_LEASE, rows)

    def correct(self, correction: Correction) -> None:
        second = int(correction.now)
        for subject, differences in correction.subjects:
            _, state, expires = self._states.get(subject) or self._read(subject)
            state.correct(differences, second)
            self._changed.setdefault(subject, expires)
        for subject in correction.leases:
            self._connection.execute(_RELEASE, (subject, correction.request))

    def reserve(self, request: str, holds: Sequence[Hold], force: bool) -> Reading:
        second, states = self._second, self._states
        granted = True
        counts: list[Count] = []
        for subject, claims, leased, _ in holds:
            _, state, _ = states.get(subject) or self._read(subject)
            if subject not in self._advanced:
                self._advanced.add(subject)
                state.advance(second)
            places = 0
            if leased:
                places = self._connection.execute(_PLACES, (subject, self._now)).fetchone()[0]
            granted &= state.check(claims, places, counts)
        if granted or force:
            for subject, claims, leased, kept in holds:
                _, state, expires = states[subject]
                state.take(claims, second)
                if second + kept > expires:
                    expires = second + kept
                if expires > self._changed.get(subject, -1):
                    self._changed[subject] = expires
                if leased:
                    self._connection.execute(_LEASE, (subject, request, self._now + LEASE))
        return Reading(granted, self._now, counts)

    def write(self) -> None:
        for subject, expires in self._changed.items():
            row, state, _ = self._states[subject]
            if row is None:
                self._connection.execute(_INSERT, (subject, state.data, expires))
            else:
                self._connection.execute(_UPDATE, (state.data, expires, row))

    def _read(self, subject: str) -> tuple[int | None, State, int]:
        row = self._connection.execute(_READ, (subject,)).fetchone()
        found = self._states[subject] = (None, State(), 0) if row is None else (row[0], State(row[1]), row[2])
        return found
