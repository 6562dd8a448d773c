"""Estimates how long a JSON text takes to parse, without parsing it. The time depends on the number of values rather
than on the number of bytes, and parsing blocks the event loop until it is done."""

from __future__ import annotations

import asyncio

from ..errors import ContentTooLarge

# Objects, arrays, members of objects and integers of many digits take about eight times as long as a plain value.
HEAVY = 8
# The bytes that are scanned before the event loop runs other tasks; some milliseconds at worst. A rough scan is faster:
# its larger slices take half a millisecond at worst.
_SLICE = 1 << 16
_ROUGH_SLICE = 1 << 18

_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b",:{[")
_NEITHER = bytes(byte for byte in range(256) if byte not in b",:{[0123456789")
# All digits become zeros, so that integers which do not fit into 64 bits can be found.
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * 19


def _weigh(structure: bytes) -> int:
    commas = structure.count(b",")
    return commas + HEAVY * (len(structure) - commas)


class Scan:
    """Scans a JSON text piece by piece, skipping the contents of strings.

    ``weight`` is the cost of parsing its values: each value counts as 1, or as `HEAVY` if it is one of the slow kinds.
    It is correct for valid JSON, and up to the first fault of invalid JSON. Use a new scan for each text: after an
    invalid one the scan may still be inside a string.
    """

    def __init__(self) -> None:
        self.weight = 0
        self._in_string = False

    def feed(self, piece: bytes) -> None:
        """Scan the next piece, which must not end in the middle of an escape."""
        if b"\\" in piece and b'\\"' in piece:
            piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = piece.split(b'"')
        outside = b"".join(parts[self._in_string :: 2])
        self._in_string ^= len(parts) % 2 == 0
        self.weight += _weigh(outside.translate(None, _NOT_STRUCTURE))
        self.weight += HEAVY * outside.translate(_DIGITS).count(_LONG)


async def scan(raw: bytes, most: int) -> None:
    """Refuse a JSON body whose values weigh more than ``most``.

    Raises:
        ContentTooLarge: they weigh more.
    """
    if len(raw) * HEAVY <= most:  # no byte weighs more
        return
    bound = 0
    for start in range(0, len(raw), _ROUGH_SLICE):
        if start:
            await asyncio.sleep(0)
        bound += _at_most(raw[start : start + _ROUGH_SLICE])
        if bound > most:
            await weigh(raw, most)
            return


def _at_most(piece: bytes) -> int:
    """Return an upper bound of a piece's weight: whatever looks like structure counts, also inside strings, and digits
    count as one number across whatever else is between them."""
    kept = piece.translate(_DIGITS, _NEITHER)
    commas, zeros = kept.count(b","), kept.count(b"0")
    # An integer may begin in the piece before.
    return commas + HEAVY * (len(kept) - commas - zeros) + HEAVY * (zeros // len(_LONG) + 1)


async def weigh(raw: bytes, most: int, before: int = 0) -> int:
    """Return the weight of a JSON text plus ``before``, the weight of the texts before it. The text is scanned slice by
    slice, with other tasks in between, and no further once ``most`` is exceeded.

    Raises:
        ContentTooLarge: it is more than ``most``.
    """
    found, start = Scan(), 0
    while start < len(raw):
        piece = raw[start : start + _SLICE]
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        if backslashes % 2:
            piece += raw[start + len(piece) : start + len(piece) + 1]
        start += len(piece)
        found.feed(piece)
        check_weight(before + found.weight, most)
        await asyncio.sleep(0)
    return before + found.weight


def check_weight(weight: int, most: int) -> None:
    """Raise `ContentTooLarge` if ``weight`` is more than ``most``."""
    if weight > most:
        raise ContentTooLarge(
            f"The request body has more than the {most} values that are accepted; an object, an array, a member of an "
            f"object and an integer of many digits count as {HEAVY}."
        )
