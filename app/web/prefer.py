"""How a client controls a mock: the header ``Prefer`` (RFC 7240), with the preferences of Prism, and ``Accept``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..contract.media import split_type
from ..errors import BadRequest

# The text between commas or semicolons, or between commas only, outside of quotes. The patterns take linear time.
_PREFERENCES = re.compile(r'(?:"[^"]*"|[^",;])+')
_RANGES = re.compile(r'(?:"[^"]*"|[^",])+')
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LARGEST_SEED = 2**63

# These ask for the raw bytes of an answer, whatever its type. Clients that download files send them.
_ANY_BYTES = ("application/binary", "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Preferences:
    """``code``: the status; ``example``: the name of an example in the document; ``dynamic``: random values, the same
    for the same ``seed``."""

    code: int | None = None
    example: str | None = None
    dynamic: bool = False
    seed: int | None = None

    def applied(self) -> dict[str, str]:
        """Return the header that says which preferences were honoured (RFC 7240, section 3)."""
        values = {"code": self.code, "example": self.example, "dynamic": self.dynamic or None, "seed": self.seed}
        texts = {name: value for name, value in values.items() if value is not None}
        text = ", ".join(f"{name}={_word(value)}" for name, value in texts.items())
        return {"preference-applied": text} if text else {}


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true"
    text = str(value)
    return text if _TOKEN.fullmatch(text) else f'"{text}"'


def read_preferences(lines: Iterable[str]) -> Preferences:
    """Return the preferences of all ``Prefer`` headers of a request. As the standard says, unknown preferences are
    ignored, and the first of duplicates counts. A semicolon separates like a comma, since ours have no parameters.

    Raises:
        BadRequest: a value cannot be read.
    """
    found: dict[str, str] = {}
    for line in lines:
        for part in _PREFERENCES.findall(line):
            name, _, value = part.partition("=")
            found.setdefault(name.strip().lower(), value.strip().removeprefix('"').removesuffix('"'))
    dynamic = found.get("dynamic")
    if dynamic not in (None, "", "true", "false"):
        raise _refused("dynamic", "true or false")
    seed = _number(found, "seed", 0, _LARGEST_SEED, "a whole number of at least 0")
    example = found.get("example") or None
    # A named example leaves nothing to be random.
    random = example is None and (dynamic in ("", "true") or (seed is not None and dynamic is None))
    return Preferences(
        code=_number(found, "code", 200, 599, "a status from 200 to 599"),
        example=example,
        dynamic=random,
        seed=seed if random else None,
    )


def _number(found: dict[str, str], name: str, low: int, high: int, rule: str) -> int | None:
    text = found.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text) or not low <= int(text) <= high:
        raise _refused(name, rule)
    return int(text)


def _refused(name: str, rule: str) -> BadRequest:
    return BadRequest(f"Invalid value for 'Prefer': expected {rule} for {name}.", param="Prefer", code="invalid_value")


def acceptable(accept: str, offered: Sequence[str]) -> str | None:
    """Return the offered media type that ``Accept`` prefers (RFC 9110, section 12.5.1), the first of equals; None: it
    accepts none. A client that accepts any bytes gets them, whatever their type."""
    ranges = [_range(part) for part in _RANGES.findall(accept) if part.strip()]
    if not ranges:
        return offered[0] if offered else None
    rated = [(_quality(ranges, media_type), media_type) for media_type in offered]
    best = max((quality for quality, _ in rated), default=0.0)
    if best > 0:
        return next(media_type for quality, media_type in rated if quality == best)
    takes_bytes = any(kind in _ANY_BYTES and quality > 0 for kind, quality in ranges)
    return offered[0] if takes_bytes and offered else None


def _range(part: str) -> tuple[str, float]:
    kind, *options = (piece.strip().lower() for piece in part.split(";"))
    for option in options:
        if match := re.fullmatch(r"q\s*=\s*([01](?:\.[0-9]{0,3})?)", option):
            return kind, float(match[1])
    return kind, 1.0


def _quality(ranges: Sequence[tuple[str, float]], media_type: str) -> float:
    """Return the quality of the most specific range that contains a media type."""
    plain = split_type(media_type)[0]
    for wanted in (plain, plain.partition("/")[0] + "/*", "*/*"):
        found = [quality for kind, quality in ranges if kind == wanted]
        if found:
            return max(found)
    return 0.0
