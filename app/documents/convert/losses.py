"""What a version of the standard has no words for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that a converted document does not say any more: where it stood in the original, by JSON pointer, and
    what it was. ``looser``: the converted document allows what the original forbids; else only readers miss it."""

    pointer: str
    what: str
    looser: bool
