"""Random ids. The system is asked for the bytes of many at once: asking costs more than all the rest of an id."""

from __future__ import annotations

import os

# Characters of an id, of four bits each.
_LENGTH = 32
_AT_ONCE = 128

# Ids that are ready. `list.pop` is atomic, so no two threads get the same one.
_ready: list[str] = []

# A child process would otherwise hand out the ids that its parent hands out too.
os.register_at_fork(after_in_child=_ready.clear)


def random_id() -> str:
    """Return 32 random hexadecimal digits, as `secrets.token_hex` makes them: they do not repeat, and nobody can tell
    them in advance."""
    try:
        return _ready.pop()
    except IndexError:
        digits = os.urandom(_AT_ONCE * _LENGTH // 2).hex()
        first, *others = [digits[begin : begin + _LENGTH] for begin in range(0, len(digits), _LENGTH)]
        _ready.extend(others)
        return first
