"""The differences between two reports."""

from __future__ import annotations

from collections.abc import Iterator

from .report import Report, score

# From best to worst; "not seen" has no rank.
_ORDER = ("honoured", "refused", "ignored", "broken")


def differences(before: Report, after: Report) -> Iterator[tuple[str, str]]:
    """For each row whose verdict changed, or that was added or removed: ``better``, ``worse`` or ``other``, and a
    description of the change."""
    old = {row.key: row for row in before.rows}
    new = {row.key: row for row in after.rows}
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        one, other = was.fate if was else "not there", now.fate if now else "not there"
        row = now or was
        if row is None or one == other:
            continue
        side = row.title if row.side in ("request", "behaviour") else f"{row.operation} {row.side}"
        name = f"{side}: {row.name}"
        yield _direction(one, other), f"{name}: {one} -> {other}" + (f" ({now.seen})" if now and now.seen else "")


def _direction(one: str, other: str) -> str:
    if one not in _ORDER or other not in _ORDER:
        return "other"
    return "better" if _ORDER.index(other) < _ORDER.index(one) else "worse"


def as_text(before: Report, after: Report) -> str:
    """The differences and the two scores as human-readable text."""
    found = list(differences(before, after))
    lines = [f"{direction:6}  {change}" for direction, change in found]
    scores = " -> ".join("none" if (whole := score(r.rows)) is None else f"{whole} %" for r in (before, after))
    return "\n".join([*lines, *([""] if lines else []), f"{len(found)} differences; score {scores}"])
