"""What a JSON text holds, found without parsing it: parsing takes time by the values rather than by the bytes, and
holds the event loop until it is done."""

from __future__ import annotations

import asyncio

from ..errors import ContentTooLarge

# Objects, arrays, members of objects and integers of many digits take about eight times what a plain value takes.
HEAVY = 8
# So many bytes are looked at before others get their turn; some milliseconds at worst.
_SLICE = 1 << 16

_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b",:{[")
# All digits become zeros, and the sign that an exponent may do without goes.
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
# Integers from here on do not fit 64 bits.
_LONG = b"0" * 19
# A float overflows by an exponent of three digits, or by more digits than an exponent of two leaves room for.
_HUGE_EXPONENT = b"e000"
_HUGE = b"0" * 200


def may_overflow(text: bytes) -> bool:
    """Whether some number may be too large for a float. Wrong only in that it may be none, as in a string."""
    digits = text.translate(_DIGITS, b"+")
    return _HUGE_EXPONENT in digits or _HUGE in digits


class Scan:
    """Goes through a JSON text piece by piece, passing over what stands in strings.

    ``weight`` is what its values take to parse: a value counts as 1, and one of those that `HEAVY` is about as that
    much; it is right for valid JSON up to the first fault of any other. ``overflows`` is as `may_overflow`.
    """

    def __init__(self) -> None:
        self.weight = 0
        self.overflows = False
        self._in_string = False
        self._last = b""

    def feed(self, piece: bytes) -> None:
        """Take the next piece, which must not end in the middle of an escape."""
        if b"\\" in piece:
            piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = piece.split(b'"')
        outside = b"".join(parts[self._in_string :: 2])
        self._in_string ^= len(parts) % 2 == 0
        structure = outside.translate(None, _NOT_STRUCTURE)
        commas = structure.count(b",")
        long = outside.translate(_DIGITS).count(_LONG)
        self.weight += commas + HEAVY * (len(structure) - commas + long)
        # A number may have begun in the piece before.
        self.overflows = self.overflows or may_overflow(self._last + outside)
        self._last = outside[-len(_HUGE) :]


async def scan(raw: bytes, most: int) -> bool:
    """Refuse a JSON body of more values than ``most``, by their weight; tell whether a number may overflow.

    Raises:
        ContentTooLarge: there are more.
    """
    if len(raw) * HEAVY <= most:  # no byte weighs more
        return may_overflow(raw)
    found, start = Scan(), 0
    while start < len(raw):
        piece = raw[start : start + _SLICE]
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        if backslashes % 2:
            piece += raw[start + len(piece) : start + len(piece) + 1]
        start += len(piece)
        found.feed(piece)
        check_weight(found.weight, most)
        await asyncio.sleep(0)
    return found.overflows


def check_weight(weight: int, most: int) -> None:
    """Raise `ContentTooLarge` for values that weigh more than ``most``."""
    if weight > most:
        raise ContentTooLarge(
            f"The request body has more than the {most} values that are accepted; an object, an array, a member of an "
            f"object and an integer of many digits count as {HEAVY}."
        )
