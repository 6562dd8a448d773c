"""Which connections give way: idle ones first, and those that have not read for longest."""

from __future__ import annotations

from app.http1.connections import _REFUSED, Connections


class One:
    """A connection that notes what becomes of it."""

    def __init__(self, held: int = 0) -> None:
        self.held = held
        self.fate = ""

    def end(self) -> None:
        self.fate = "ended"

    def drop(self) -> None:
        self.fate = "dropped"


def book(most: int = 1000, most_held: int = 1000) -> Connections[One]:
    return Connections(most, most_held)


def test_as_many_as_there_is_room_for_are_taken() -> None:
    connections = book(3)
    three = [One(), One(), One()]
    assert all(connections.admit(one) for one in three)
    assert {one.fate for one in three} == {""}


def test_beyond_that_idle_ones_are_ended_the_one_of_longest_standing_first() -> None:
    connections = book(2)
    first, second = One(), One()
    connections.admit(first)
    connections.admit(second)
    connections.busy(first)
    connections.idle(first)
    assert connections.admit(One())
    assert (first.fate, second.fate) == ("", "ended")
    assert connections.admit(One())
    assert first.fate == "ended"


def test_when_all_are_busy_a_new_one_is_refused_until_one_is_lost() -> None:
    connections = book(2)
    busy = [One(), One()]
    for one in busy:
        connections.admit(one)
        connections.busy(one)
    assert not connections.admit(One())
    assert not connections.admit(One())
    connections.lost(busy[0])
    assert connections.admit(One())
    assert {one.fate for one in busy} == {""}


def test_refused_ones_are_kept_to_be_told_so_but_not_without_bound() -> None:
    connections = book(0)
    refused = [One() for _ in range(_REFUSED + 2)]
    for one in refused:
        assert not connections.admit(one)
    assert [one.fate for one in refused] == ["dropped"] * 2 + [""] * _REFUSED
    assert len(connections.all) == _REFUSED


def test_a_refused_one_never_counts_as_idle() -> None:
    connections = book(0)
    refused = One()
    connections.admit(refused)
    connections.idle(refused)
    connections.make_room()
    assert refused.fate == ""


def test_nor_does_one_that_is_lost() -> None:
    connections = book(1)
    lost = One()
    connections.admit(lost)
    connections.lost(lost)
    connections.idle(lost)
    connections.make_room()
    assert (lost.fate, connections.all) == ("", set())


def test_of_those_that_do_not_read_the_first_are_dropped_until_the_rest_is_within_the_bound() -> None:
    connections = book(most_held=100)
    ones = [One(40), One(40), One(40), One(70)]
    for one in ones:
        connections.admit(one)
    for one in ones[:2]:
        connections.stuck(one)
    assert {one.fate for one in ones} == {""}
    connections.stuck(ones[2])
    assert [one.fate for one in ones] == ["dropped", "", "", ""]
    connections.stuck(ones[3])
    assert [one.fate for one in ones] == ["dropped", "dropped", "dropped", ""]
    assert connections.all == {ones[3]}


def test_one_that_has_read_again_is_not_among_them() -> None:
    connections = book(most_held=100)
    read, first, second = One(60), One(60), One(60)
    for one in (read, first):
        connections.admit(one)
    connections.stuck(read)
    connections.reading(read)
    connections.stuck(first)
    connections.stuck(second)
    assert [one.fate for one in (read, first, second)] == ["", "dropped", ""]


def test_what_one_sends_while_it_does_not_read_counts() -> None:
    connections = book(most_held=100)
    sends, reads, new = One(10), One(10), One(10)
    for one in (sends, reads, new):
        connections.admit(one)
    connections.stuck(sends)
    connections.stuck(new)
    sends.held = reads.held = 90
    connections.changed(sends)
    connections.changed(reads)
    assert sends.fate == ""
    sends.held = 91
    connections.changed(sends)
    assert (sends.fate, reads.fate, new.fate) == ("dropped", "", "")


def test_one_alone_may_hold_more_until_another_does_not_read_either() -> None:
    connections = book(most_held=100)
    large, other = One(1000), One(10)
    for one in (large, other):
        connections.admit(one)
    connections.stuck(large)
    assert large.fate == ""
    connections.reading(large)
    connections.stuck(other)
    connections.stuck(large)
    assert (large.fate, other.fate) == ("", "dropped")
    connections.stuck(other)
    assert large.fate == "dropped"
