"""Which connections of a worker give way when there are too many of them, or when too much is kept for them."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

# So many that are beyond the bound are kept for as long as it takes to tell them so.
_REFUSED = 64


class Connection(Protocol):
    """What `Connections` must know of a connection, and may do to it."""

    @property
    def held(self) -> int:
        """Bytes that are kept in memory for it: answers that it has not read, and what it has sent ahead."""

    def end(self) -> None:
        """Close it; it has no request that is being served."""

    def drop(self) -> None:
        """Cut it off, with all that is kept for it."""


C = TypeVar("C", bound=Connection)


class Connections(Generic[C]):
    """The connections of a worker: ``most`` at once, with ``most_held`` bytes at most for those that do not read, or
    one of them."""

    def __init__(self, most: int, most_held: int) -> None:
        self.most, self.most_held = most, most_held
        self.all: set[C] = set()
        # Each in the order in which they became what they are, so that the first is the one of longest standing.
        self._idle: dict[C, None] = {}
        self._refused: dict[C, None] = {}
        # With what is held for it, and the sum.
        self._stuck: dict[C, int] = {}
        self._held = 0

    def admit(self, connection: C) -> bool:
        """Take a new connection, for which the one that is idle for longest is closed if need be. Whether there is
        room; where there is none it is kept until it is lost, but is to be refused."""
        if len(self.all) - len(self._refused) >= self.most:
            self.make_room()
        self.all.add(connection)
        if len(self.all) - len(self._refused) > self.most:
            if len(self._refused) >= _REFUSED:
                first = next(iter(self._refused))
                self.lost(first)
                first.drop()
            self._refused[connection] = None
            return False
        self._idle[connection] = None
        return True

    def make_room(self) -> None:
        """Close the connection that is idle for longest, if there is one."""
        oldest = next(iter(self._idle), None)
        if oldest is not None:
            self.lost(oldest)
            oldest.end()

    def lost(self, connection: C) -> None:
        self.all.discard(connection)
        self._idle.pop(connection, None)
        self._refused.pop(connection, None)
        self.reading(connection)

    def busy(self, connection: C) -> None:
        """It has a request that is being served."""
        self._idle.pop(connection, None)

    def idle(self, connection: C) -> None:
        """It has none, from now on."""
        if connection in self.all and connection not in self._refused:
            self._idle.pop(connection, None)
            self._idle[connection] = None

    def stuck(self, connection: C) -> None:
        """It does not read what it is sent. Those that have not read for longest are dropped until the rest is within
        the bound."""
        held = connection.held
        self._held += held - self._stuck.get(connection, 0)
        self._stuck[connection] = held
        # One alone may be within a long answer that it reads piece by piece: it would never get to the end.
        while self._held > self.most_held and len(self._stuck) > 1:
            first = next(iter(self._stuck))
            self.lost(first)
            first.drop()

    def changed(self, connection: C) -> None:
        """More or less is held for it than before."""
        if connection in self._stuck:
            self.stuck(connection)

    def reading(self, connection: C) -> None:
        """It has read all that it was sent."""
        self._held -= self._stuck.pop(connection, 0)
