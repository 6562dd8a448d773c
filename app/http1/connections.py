"""Which connections a worker closes when there are too many of them, or when too much memory is held for them."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

# The most connections beyond the limit that are kept open until the refusal has been sent.
_REFUSED = 64


class Connection(Protocol):
    """The interface of a connection that `Connections` uses."""

    @property
    def held(self) -> int:
        """The bytes held in memory for it: answers that the client has not read, and what it has sent ahead."""

    def end(self) -> None:
        """Close the connection; no request of it is being served."""

    def drop(self) -> None:
        """Abort the connection, and discard all that is held for it."""


C = TypeVar("C", bound=Connection)


class Connections(Generic[C]):
    """The connections of a worker: at most ``most`` at once. At most ``most_held`` bytes are held for those that do not
    read, except that a single one may exceed it."""

    def __init__(self, most: int, most_held: int) -> None:
        self.most, self.most_held = most, most_held
        self.all: set[C] = set()
        # Each in the order in which connections entered the state, so that the first has been in it longest.
        self._idle: dict[C, None] = {}
        self._refused: dict[C, None] = {}
        # Each with the bytes held for it; below, their sum.
        self._stuck: dict[C, int] = {}
        self._held = 0

    def admit(self, connection: C) -> bool:
        """Register a new connection. If there is no room, close the connection that has been idle longest. Return
        whether there is room then; if not, the connection is kept until it is lost, but must be refused."""
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
        """Close the connection that has been idle longest, if any is idle."""
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
        """Note that a request of the connection is being served."""
        self._idle.pop(connection, None)

    def idle(self, connection: C) -> None:
        """Note that no request of the connection is being served any more."""
        if connection in self.all and connection not in self._refused:
            self._idle.pop(connection, None)
            self._idle[connection] = None

    def stuck(self, connection: C) -> None:
        """Note that the client does not read what it is sent. The connections that have not read for the longest time
        are dropped until the rest are within the limit."""
        held = connection.held
        self._held += held - self._stuck.get(connection, 0)
        self._stuck[connection] = held
        # A single one is kept: it may be reading a long answer piece by piece, and would never get to its end.
        while self._held > self.most_held and len(self._stuck) > 1:
            first = next(iter(self._stuck))
            self.lost(first)
            first.drop()

    def changed(self, connection: C) -> None:
        """Note that the number of bytes held for the connection has changed."""
        if connection in self._stuck:
            self.stuck(connection)

    def reading(self, connection: C) -> None:
        """Note that the client has read everything that it was sent."""
        self._held -= self._stuck.pop(connection, 0)
