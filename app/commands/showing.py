"""Words that several commands show."""

from __future__ import annotations


def plural(number: int, word: str) -> str:
    """A number of something, such as ``2 errors``."""
    return f"{number} {word}" + ("" if number == 1 else "s")
