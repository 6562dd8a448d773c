"""Events are read however they are cut and whatever ends their lines."""

from __future__ import annotations

import pytest

from app.engines.transport.events import EventParser, EventTooLarge

EVENTS = (
    ': hello\r\n\r\ndata: {"a":1}\r\n\r\nid: 7\nevent: x\ndata:{"b":\ndata: "é"}\n\n'
    "data: one\r\rdata\n\n: ping\n\nretry: 5\n\ndata: two\n\ndata: [DONE]\r\n\r\n"
).encode()
DATA = [b'{"a":1}', '{"b":\n"é"}'.encode(), b"one", b"", b"two", b"[DONE]"]


def test_events_split_at_every_byte_are_the_same_events() -> None:
    for cut in range(len(EVENTS) + 1):
        parser = EventParser()
        assert parser.feed(EVENTS[:cut]) + parser.feed(EVENTS[cut:]) == DATA, cut


@pytest.mark.parametrize(
    "odd", [b"", b": ping\n\n", b"id: 7\ndata: x\n\n", b"data: y\r\n\r\n", b"\n", b"data: z\rid: 1\n\n"]
)
def test_a_burst_that_is_split_at_every_byte_is_the_same_events(odd: bytes) -> None:
    half = b"".join(b"data: %d\n\n" % number for number in range(150))
    burst = half + odd + half
    expected = EventParser()._feed_lines(burst)
    assert len(expected) >= 300
    for cut in range(len(burst)):
        parser = EventParser()
        assert parser.feed(burst[:cut]) + parser.feed(burst[cut:]) == expected, cut


def test_events_that_come_byte_by_byte_are_the_same_events() -> None:
    parser = EventParser()
    assert [data for byte in EVENTS for data in parser.feed(bytes([byte]))] == DATA


@pytest.mark.parametrize(
    ("chunk", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data: a\n\n: ping\n\n", [b"a"]),
        (b"data: a\nid: 1\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\n\ndata:b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\n\n", [b"a", b"b"]),
        (b"data: \n\ndata: b\n\n", [b"", b"b"]),
        (b"data: data: a\n\n", [b"data: a"]),
        (b"data: a\n\ndata: b\n", [b"a"]),
    ],
)
def test_the_short_way_gives_what_the_long_way_gives(chunk: bytes, events: list[bytes]) -> None:
    assert EventParser().feed(chunk) == events
    assert EventParser()._feed_lines(chunk) == events


def test_the_short_way_is_not_taken_in_the_middle_of_an_event() -> None:
    for begun, expected in ((b"data: x\n", b"x\na"), (b"da", b""), (b"data: x\r", b"x\na"), (b": x", b"")):
        parser = EventParser()
        assert parser.feed(begun) == []
        assert parser.feed(b"data: a\n\n") == ([expected] if expected else []), begun


def test_an_event_without_its_empty_line_is_not_given() -> None:
    assert EventParser().feed(b'data: {"a":1}\n') == []


def test_a_byte_order_mark_at_the_start_is_skipped() -> None:
    assert EventParser().feed(b"\xef\xbb\xbfdata: a\n\n") == [b"a"]


def test_an_event_without_end_is_refused() -> None:
    parser = EventParser(1000)
    for _ in range(9):
        assert parser.feed(b"data: " + b"x" * 100 + b"\n") == []
    with pytest.raises(EventTooLarge):
        parser.feed(b"data: " + b"x" * 100)


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n", b"\n\ndata: y\n\n"])
def test_an_event_that_is_too_large_is_refused_in_one_piece_too(end: bytes) -> None:
    with pytest.raises(EventTooLarge):
        EventParser(1000).feed(b"data: " + b"x" * 1001 + end)


def test_a_large_event_in_many_pieces_is_not_copied_for_each_of_them() -> None:
    parser = EventParser(64 << 20)
    parser.feed(b"data: ")
    for _ in range(32 << 10):  # copies would come to half a terabyte: the test would not end
        parser.feed(b"x" * 1024)
    assert [len(data) for data in parser.feed(b"\n\n")] == [32 << 20]
