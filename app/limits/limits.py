"""What may be limited."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import ConfigurationError

# The kinds of what has limits.
KINDS = ("key", "project", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a key, a project or a model; None: none. Those of a minute hold for any 59 seconds, those of a day
    and of a month for the calendar's, in UTC. Money is in billionths of the operator's currency."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    concurrent_requests: int | None = None
    tokens_per_month: int | None = None
    money_per_month: int | None = None

    def __bool__(self) -> bool:
        return self != _NONE


_NONE = Limits()
MEASURES = tuple(each.name for each in fields(Limits))
BILLION = 1_000_000_000


def read_limit(text: str) -> tuple[str, int | None]:
    """Return the name and the value of a limit such as ``requests_per_minute=60``; ``none`` removes the limit. Money is
    given in the operator's currency, such as ``money_per_month=12.50``.

    Raises:
        ConfigurationError: the text names no limit, or its value is no number of at least 0.
    """
    name, _, value = (part.strip() for part in text.partition("="))
    if name not in MEASURES:
        raise ConfigurationError(f"There is no such limit. There are: {', '.join(MEASURES)}.")
    if value.lower() == "none":
        return name, None
    try:
        number = round(float(value) * BILLION) if name.startswith("money") else int(value)
    except (ValueError, OverflowError):
        number = -1
    if not 0 <= number < 1 << 62:
        kind = "an amount" if name.startswith("money") else "a whole number"
        raise ConfigurationError(f"{name} must be {kind} of at least 0, or none.")
    return name, number
