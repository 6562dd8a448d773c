"""Values of options that several commands take, and how they are shown."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime

import click

from ..errors import ConfigurationError
from ..limits.limits import BILLION, Limits, read_limit

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d{1,9})([smhdw]?)")


def duration(text: str) -> int:
    """Return a time span such as ``30d`` in seconds."""
    if (found := _DURATION.fullmatch(text)) is None:
        raise click.BadParameter("it must be a number with a unit, such as 90s, 30m, 12h, 30d or 2w.")
    return int(found[1]) * _UNITS[found[2]]


def moment(text: str) -> int:
    """Return a moment in Unix seconds: one after a time span, or the beginning of a day in UTC."""
    if _DURATION.fullmatch(text):
        return int(time.time()) + duration(text)
    try:
        return int(datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC).timestamp())
    except ValueError:
        raise click.BadParameter("it must be a time span such as 30d, or a day such as 2027-01-31.") from None


def measure(text: str) -> tuple[str, int | None]:
    """Return the name and the value of a limit such as ``requests_per_minute=60``."""
    try:
        return read_limit(text)
    except ConfigurationError as error:
        raise click.BadParameter(str(error)) from None


def told_limits(limits: Limits, *, without: str = "") -> str:
    """Return limits for people, in the form in which they are given."""
    return " ".join(f"{name}={value}" for name, value in shown_limits(limits).items()) or without


def shown_limits(limits: Limits) -> dict[str, int | float]:
    """Return the limits that there are by their names, money in the operator's currency."""
    given = {name: value for name, value in asdict(limits).items() if value is not None}
    return {name: value / BILLION if name.startswith("money") else value for name, value in given.items()}


def told_time(seconds: int | None, *, without: str = "") -> str:
    """Return a time for people, in UTC."""
    return without if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table whose columns are as wide as their longest cell."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)
