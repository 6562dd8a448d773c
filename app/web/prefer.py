"""What a client asks of a mock: the header ``Prefer`` (RFC 7240) in the words that Prism has for it, and ``Accept``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..contract.media import split_type
from ..errors import BadRequest

# What stands between commas or semicolons, or between commas only, outside of quotes; takes time as the length does.
_PREFERENCES = re.compile(r'(?:"[^"]*"|[^",;])+')
_RANGES = re.compile(r'(?:"[^"]*"|[^",])+')
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LARGEST_SEED = 2**63

# These ask for the bytes of an answer as they are, whatever its type: what clients send that download files.
_ANY_BYTES = ("application/binary", "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Preferences:
    """``code``: the status; ``example``: the name of an example of the document; ``dynamic``: random values, the same
    for the same ``seed``."""

    code: int | None = None
    example: str | None = None
    dynamic: bool = False
    seed: int | None = None

    def applied(self) -> dict[str, str]:
        """The header that tells what was honoured (RFC 7240, section 3)."""
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
    """The preferences of all ``Prefer`` headers of a request. Others than ours are ignored, as the standard has it;
    of the same one twice the first holds. A semicolon divides as a comma does, for none of ours has parameters.

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
    # An example by its name leaves nothing to chance.
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
    """The one of some media types that ``Accept`` prefers (RFC 9110, section 12.5.1), the first where it is all one;
    None: it accepts none. A client that takes any bytes gets them, whatever their type."""
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
    """The quality of the closest range that a media type is in."""
    plain = split_type(media_type)[0]
    for wanted in (plain, plain.partition("/")[0] + "/*", "*/*"):
        found = [quality for kind, quality in ranges if kind == wanted]
        if found:
            return max(found)
    return 0.0
