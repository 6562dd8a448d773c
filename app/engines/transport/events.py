"""Parses a stream of bytes into server-sent events, following "Interpreting an event stream" of the HTML standard."""

from __future__ import annotations

import re
from typing import Final

LARGEST_EVENT = 16 << 20  # bytes

# The last item, in place of data, of a stream that ended cleanly but without ``[DONE]``. It is not JSON.
MISSING_DONE: Final = b"[missing DONE]"

_BETWEEN = b"\n\ndata: "
_WORTH_IT = 1024  # bytes

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """An event exceeds the maximum size."""


class EventParser:
    """Returns the data of events from a stream that may be split anywhere.

    Lines end in CR, LF or CRLF, an empty line ends an event, lines that begin with a colon are comments. Only ``data``
    fields are used. ``largest``, the maximum size of an event, is in bytes.
    """

    def __init__(self, largest: int = LARGEST_EVENT) -> None:
        self._largest = largest
        self._line: list[bytes] = []  # the pieces of an incomplete line
        self._data: list[bytes] = []
        self._size = 0  # bytes of both; 0 only between events
        self._after_cr = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that this chunk completes.

        Raises:
            EventTooLarge: an event has more than ``largest`` bytes.
        """
        events = self._whole_events(chunk)
        if events is not None:
            return events
        # A chunk of a burst begins and ends in the middle of an event: what is in between is whole.
        begin, end = chunk.find(_BETWEEN) + 2, chunk.rfind(b"\n\n") + 2
        if not 2 <= begin < end - _WORTH_IT:
            return self._feed_lines(chunk)
        events = self._feed_lines(chunk[:begin])
        middle, rest = chunk[begin:end], chunk[end:]
        whole = self._whole_events(middle)
        events += self._feed_lines(middle) if whole is None else whole
        return events + self._feed_lines(rest)

    def _whole_events(self, chunk: bytes) -> list[bytes] | None:
        """Return the data of a chunk of whole events of one data line each, as nearly every chunk is; None if it is
        another one."""
        if (
            not self._size
            and chunk[:6] == b"data: "
            and chunk[-2:] == b"\n\n"
            and not self._after_cr
            and b"\r" not in chunk
            and len(chunk) <= self._largest
        ):
            if chunk.find(b"\n") == len(chunk) - 2:  # a single event
                self._begun = True
                return [chunk[6:-2]]
            events = chunk[6:-2].split(_BETWEEN)
            # If the splits account for every line feed, no other line needs parsing.
            if chunk.count(b"\n") == 2 * len(events):
                self._begun = True
                return events
        return None

    def _feed_lines(self, chunk: bytes) -> list[bytes]:
        if self._after_cr and chunk:
            chunk = chunk[1:] if chunk[:1] == b"\n" else chunk
            self._after_cr = False
        if not chunk:
            return []
        lines = _LINE_END.split(chunk)
        self._after_cr = chunk[-1:] == b"\r"
        rest = lines.pop()
        events: list[bytes] = []
        for line in lines:
            if self._line:
                line = b"".join((*self._line, line))
                self._size -= sum(map(len, self._line))
                self._line = []
            self._take(line, events)
        if rest:
            # Joined only when the line ends, so that a long line in many pieces is not copied for each piece.
            self._line.append(rest)
            self._size += len(rest)
        self._check_size()
        return events

    def _take(self, line: bytes, events: list[bytes]) -> None:
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
                self._data, self._size = [], 0
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value) + 1
            self._check_size()

    def _check_size(self) -> None:
        if self._size > self._largest:
            raise EventTooLarge
