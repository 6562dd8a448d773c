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
# All digits become zeros, so that integers which do not fit 64 bits can be found.
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * 19


def _weigh(structure: bytes) -> int:
    commas = structure.count(b",")
    return commas + HEAVY * (len(structure) - commas)


class Scan:
    """Goes through a JSON text piece by piece, passing over what stands in strings.

    ``weight`` is what its values take to parse: a value counts as 1, and one of those that `HEAVY` is about as that
    much; it is right for valid JSON, and up to the first fault of any other. A text takes a scan of its own: where a
    faulty one ends, the scan may be in a string.
    """

    def __init__(self) -> None:
        self.weight = 0
        self._in_string = False

    def feed(self, piece: bytes) -> None:
        """Take the next piece, which must not end in the middle of an escape."""
        if b'\\"' in piece:
            piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = piece.split(b'"')
        outside = b"".join(parts[self._in_string :: 2])
        self._in_string ^= len(parts) % 2 == 0
        self.weight += _weigh(outside.translate(None, _NOT_STRUCTURE))
        self.weight += HEAVY * outside.translate(_DIGITS).count(_LONG)


async def scan(raw: bytes, most: int) -> None:
    """Refuse a JSON body of more values than ``most``, by their weight.

    Raises:
        ContentTooLarge: there are more.
    """
    if len(raw) * HEAVY <= most:  # no byte weighs more
        return
    # As if all were structure or digits, what stands in strings too; a longer body would take long at once.
    if len(raw) <= most and _weigh(raw.translate(None, _NOT_STRUCTURE)) + HEAVY * len(raw) // len(_LONG) <= most:
        return
    await weigh(raw, most)


async def weigh(raw: bytes, most: int, before: int = 0) -> int:
    """The weight of a JSON text together with that of those ``before`` it. It is looked at slice by slice, in turns
    with others, and no further than ``most`` is kept to.

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
    """Raise `ContentTooLarge` for values that weigh more than ``most``."""
    if weight > most:
        raise ContentTooLarge(
            f"The request body has more than the {most} values that are accepted; an object, an array, a member of an "
            f"object and an integer of many digits count as {HEAVY}."
        )
