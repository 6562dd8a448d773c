"""What a version of the standard cannot express."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that was lost in a conversion: its JSON pointer in the original, and what it was. ``looser``: the
    converted document allows what the original forbids; else only information for readers is lost."""

    pointer: str
    what: str
    looser: bool
