"""Generates strings of a format, a pattern or a length."""

from __future__ import annotations

import base64
import datetime
import string
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import Random

from .patterns import NoInstance, compiled, matching

# The example of each format, for `static` samples.
_EXAMPLES = {
    "date-time": "2024-01-01T00:00:00Z",
    "date": "2024-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "email": "user@example.com",
    "idn-email": "user@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "iri": "https://example.com/",
    "uri-reference": "/path",
    "iri-reference": "/path",
    "uri-template": "/path/{name}",
    "json-pointer": "/path",
    "relative-json-pointer": "0/path",
    "regex": "^[a-z]+$",
    "byte": "c3RyaW5n",
}
_LONGEST = 1_000_000
# The lengths of random texts without length limits.
_SHORTEST_RANDOM, _LONGEST_RANDOM = 4, 12


def text(
    patterns: Sequence[str], formats: Sequence[str], shortest: int, longest: int | None, rng: Random, *, dynamic: bool
) -> str:
    """Return a string that satisfies all of these rules; ``dynamic``: a random one.

    Raises:
        NoInstance: none was found.
    """
    if longest is not None and shortest > longest:
        raise NoInstance("no string is that long and that short")
    if shortest > _LONGEST:
        raise NoInstance("the string would be too long to send")
    for candidate in _candidates(patterns, formats, shortest, longest, rng, dynamic):
        fits = shortest <= len(candidate) and (longest is None or len(candidate) <= longest)
        if fits and all(compiled(pattern).search(candidate) for pattern in patterns):
            return candidate
    raise NoInstance("no string was found for a pattern, a format or a length")


def _candidates(
    patterns: Sequence[str], formats: Sequence[str], shortest: int, longest: int | None, rng: Random, dynamic: bool
) -> Iterator[str]:
    for name in formats:
        if not dynamic and name in _EXAMPLES:
            yield _EXAMPLES[name]
        for _ in range(8):
            if name in _MAKERS:
                yield _MAKERS[name](rng, max(shortest, 1))
    if not dynamic:
        yield _sized("string", shortest, longest)
    if not patterns:
        most = max(shortest, _LONGEST_RANDOM) if longest is None else min(longest, max(shortest, _LONGEST_RANDOM))
        length = rng.randint(max(shortest, min(most, _SHORTEST_RANDOM)), most)
        yield "".join(rng.choice(string.ascii_lowercase) for _ in range(length))
    for pattern in patterns:
        yield from matching(pattern, rng, shortest, longest)
    if patterns:
        # A text that matches one pattern may also match the others after more text is added.
        for first in islice(matching(patterns[0], rng, 0, longest), 8):
            for second in patterns[1:]:
                yield from (first + more for more in islice(matching(second, rng), 4))


def _sized(word: str, shortest: int, longest: int | None) -> str:
    whole = word * (shortest // len(word) + 1) if shortest > len(word) else word
    return whole[: max(shortest, len(word)) if longest is None else min(longest, max(shortest, len(word)))]


def _word(rng: Random, length: int = 6) -> str:
    return "".join(rng.choice(string.ascii_lowercase) for _ in range(max(length, 1)))


def _moment(rng: Random) -> datetime.datetime:
    return datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=rng.randrange(30 * 365 * 86400))


def _uri(rng: Random, length: int) -> str:
    return f"https://{_word(rng)}.example.com/{_word(rng, length - 27)}"


def _email(rng: Random, length: int) -> str:
    return f"{_word(rng, min(length - 12, 60))}@example.com"


def _ipv6(rng: Random) -> str:
    return "2001:db8:" + ":".join(f"{rng.randrange(1, 65536):x}" for _ in range(6))


def _base64(rng: Random, length: int) -> str:
    return base64.b64encode(rng.randbytes(max(length * 3 // 4 + 2, 3) // 3 * 3)).decode()


_MAKERS: dict[str, Callable[[Random, int], str]] = {
    "date-time": lambda rng, _: _moment(rng).isoformat() + "Z",
    "date": lambda rng, _: _moment(rng).date().isoformat(),
    "time": lambda rng, _: _moment(rng).time().isoformat() + "Z",
    "duration": lambda rng, _: f"P{rng.randint(1, 30)}DT{rng.randint(1, 23)}H",
    "uuid": lambda rng, _: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "email": _email,
    "idn-email": _email,
    "hostname": lambda rng, _: f"{_word(rng)}.example.com",
    "idn-hostname": lambda rng, _: f"{_word(rng)}.example.com",
    "ipv4": lambda rng, _: f"192.0.2.{rng.randrange(256)}",
    "ipv6": lambda rng, _: _ipv6(rng),
    "uri": _uri,
    "url": _uri,
    "iri": _uri,
    "uri-reference": lambda rng, length: "/" + _word(rng, length),
    "iri-reference": lambda rng, length: "/" + _word(rng, length),
    "uri-template": lambda rng, _: f"/{_word(rng)}/{{{_word(rng)}}}",
    "json-pointer": lambda rng, length: "/" + _word(rng, length),
    "relative-json-pointer": lambda rng, _: f"{rng.randrange(3)}/{_word(rng)}",
    "regex": lambda rng, _: f"^{_word(rng)}$",
    "byte": _base64,
}
