"""Finds the positions of values in JSON text, on demand: creating a node for each value of a large document would take
longer than all lookups."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property

from ...contract.pointers import pointer_to, tokens

# The token of an entry (key or index), the offset reported for it (of the key or the item), and that of its value.
Item = tuple[str, int, int]


class JsonPlaces:
    """The positions in a text that is known to be valid JSON."""

    _SPACE = re.compile(r"[ \t\n\r]*")
    _decoder = json.JSONDecoder()

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[int, list[Item]] = {}

    def position(self, pointer: str) -> tuple[int, int]:
        """Return line and column, from 1, of the key or item at a pointer; if there is none, of the closest parent."""
        at = told = self._skip(0)
        for token in tokens(pointer):
            # The last duplicate wins, as in the JSON parser.
            found = next((item for item in reversed(self._items(at)) if item[0] == token), None)
            if found is None:
                break
            _, told, at = found
        return self._line_and_column(told)

    def duplicates(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Yield the pointers and positions of duplicate keys of objects, in the order of the text."""
        yield from self._duplicates(self._skip(0), "")

    def _duplicates(self, at: int, pointer: str) -> Iterator[tuple[str, tuple[int, int]]]:
        seen = set[str]()
        for token, told, value in self._items(at):
            place = pointer + pointer_to(token)
            if token in seen:
                yield place, self._line_and_column(told)
            seen.add(token)
            if self._text[value] in "[{":
                yield from self._duplicates(value, place)

    def _items(self, at: int) -> list[Item]:
        """Return the entries of the object or array at an offset; for other values, an empty list."""
        if at not in self._known:
            self._known[at] = list(self._read(at))
        return self._known[at]

    def _read(self, at: int) -> Iterator[Item]:
        first = self._text[at]
        if first not in "[{":
            return
        number = 0
        at = self._skip(at + 1)
        while self._text[at] not in "]}":
            told = at
            token = str(number)
            if first == "{":
                token, at = self._decoder.raw_decode(self._text, at)
                at = self._skip(self._skip(at) + 1)  # past the colon
            yield token, told, at
            number += 1
            at = self._skip(self._decoder.raw_decode(self._text, at)[1])
            if self._text[at] == ",":
                at = self._skip(at + 1)

    def _skip(self, at: int) -> int:
        match = self._SPACE.match(self._text, at)
        return match.end() if match else at

    def _line_and_column(self, at: int) -> tuple[int, int]:
        line = bisect_left(self._breaks, at)
        return line + 1, at - (self._breaks[line - 1] if line else -1)

    @cached_property
    def _breaks(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self._text)]
