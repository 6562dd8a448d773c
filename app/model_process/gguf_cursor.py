"""Reads the values of a GGUF file one after the other, and distinguishes truncated files from damaged files."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping

_SCALARS: Mapping[int, str] = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}

_STRING = 8
ARRAY = 9

# Far above any real file, far below what would delay a start.
_DEEPEST_ARRAY = 4
_LONGEST_TEXT = 1 << 16
_LONGEST_TEMPLATE = 1 << 20


class Ends(Exception):
    """The data end at ``len(file)`` although the header promises bytes up to ``wanted``."""

    def __init__(self, wanted: int) -> None:
        super().__init__(wanted)
        self.wanted = wanted


class Damaged(Exception):
    """The header holds a value that no GGUF file can hold."""


class Cursor:
    """A position in the file that only moves forward and never past the end."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.size = len(data)
        self.at = 0

    def skip(self, count: int) -> int:
        start = self.at
        if start + count > self.size:
            raise Ends(start + count)
        self.at = start + count
        return start

    def scalar(self, form: str) -> int | float | bool:
        value: int | float | bool = struct.unpack_from(form, self.data, self.skip(struct.calcsize(form)))[0]
        return value

    def count(self) -> int:
        return int(self.scalar("<Q"))

    def u32(self) -> int:
        return int(self.scalar("<I"))

    def text(self, longest: int = _LONGEST_TEXT) -> str:
        length = self.count()
        if length > longest:
            raise Damaged("a text is too long")
        start = self.skip(length)
        return self.data[start : start + length].decode("utf-8", "replace")

    def skip_texts(self, count: int) -> None:
        """Skip ``count`` strings: a tokenizer has hundreds of thousands, so the loop does nothing else."""
        unpack = struct.Struct("<Q").unpack_from
        data, at, last = self.data, self.at, self.size - 8
        for _ in range(count):
            if at > last:
                raise Ends(at + 8)
            at += 8 + unpack(data, at)[0]
        if at > self.size:
            raise Ends(at)
        self.at = at

    def value(self, kind: int, *, wanted: bool) -> object:
        """Read the value of the given kind and return it. Arrays and unwanted strings are skipped: return None."""
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind])
        if kind == _STRING:
            if wanted:
                return self.text(_LONGEST_TEMPLATE)
            self.skip_texts(1)
            return None
        if kind == ARRAY:
            self.skip_array(_DEEPEST_ARRAY)
            return None
        raise Damaged(f"value type {kind} is unknown")

    def skip_array(self, depth: int) -> None:
        kind, count = self.u32(), self.count()
        if kind in _SCALARS:
            self.skip(count * struct.calcsize(_SCALARS[kind]))
        elif kind == _STRING:
            self.skip_texts(count)
        elif kind == ARRAY and depth > 0:
            for _ in range(count):
                self.skip_array(depth - 1)
        else:
            raise Damaged(f"an array of type {kind} is unknown")
