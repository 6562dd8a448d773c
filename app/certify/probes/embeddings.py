"""Embeddings: whether the vectors belong to the given texts, in order, and have the requested format."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..answers import count, whole
from ..exchange import Seen
from ..operations import EMBEDDINGS
from ..probe import Answers, Probe, of, step
from ..values import get, items
from ..verdicts import Verdict, broken, honoured, ignored, not_seen
from . import errors, messages, service

GROUP = "vectors"
_ONE, _OTHER = "The sun rises in the east.", "Two and two make four, and three and three make six."
_TOKENS = range(400, 412)
_FEW = 8
# Vectors of the same text from different batches differ in their last digits.
_ALIKE = 0.999


def vectors(seen: Seen) -> list[list[float] | None]:
    """The vectors of an answer in the order of their indexes, None for entries that are not vectors."""
    data = sorted(items(seen.content, "data"), key=lambda item: str(get(item, "index")).rjust(9))
    return [_numbers(get(item, "embedding")) for item in data]


def _numbers(value: Any) -> list[float] | None:
    if isinstance(value, str):
        try:
            raw = base64.b64decode(value, validate=True)
        except binascii.Error:
            return None
        value = list(struct.unpack(f"<{len(raw) // 4}f", raw)) if len(raw) % 4 == 0 else None
    if not isinstance(value, list) or not value or not all(_is_finite(number) for number in value):
        return None
    return [float(number) for number in value]


def _is_finite(number: Any) -> bool:
    try:
        return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
    except OverflowError:
        return False


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine similarity of two vectors, 1 if they have the same direction; 0 if they cannot be compared."""
    size = math.hypot(*one) * math.hypot(*other)
    if len(one) != len(other) or not size:
        return 0.0
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / size


def _vector(answers: Answers, name: str) -> list[float]:
    found = vectors(answers[name]) if name in answers else []
    return found[0] or [] if found else []


def _missing(answers: Answers) -> Verdict | None:
    """The verdict if an answer that must have one vector of numbers has none."""
    for seen in answers.values():
        if seen.accepted and (not vectors(seen) or None in vectors(seen)):
            return broken("a vector that is no list of finite numbers, or none at all")
    return None


def _differ(answers: Answers) -> Verdict:
    if missing := _missing(answers):
        return missing
    if cosine(_vector(answers, "one"), _vector(answers, "other")) > _ALIKE:
        return ignored("two texts have the same vector")
    size = len(_vector(answers, "one"))
    if cosine(_vector(answers, "one"), _vector(answers, "again")) <= _ALIKE:
        return not_seen("the same text twice has two vectors")
    return honoured(f"two texts have two vectors of {size} numbers, and the same text has the same")


def _several(one: Any, other: Any) -> Probe:
    """A probe of two inputs in one request: their vectors must be those of each input alone, in order."""

    def judge(answers: Answers) -> Verdict:
        if missing := _missing(answers):
            return missing
        both = [vector or [] for vector in vectors(answers["both"])]
        if len(both) != 2:
            return ignored(f"2 inputs, {len(both)} vector")
        alone = [_vector(answers, name) for name in ("one", "other")]
        if cosine(*alone) > _ALIKE:
            return not_seen("2 inputs have the same vector each alone")
        if all(cosine(a, b) > _ALIKE for a, b in zip(both, alone, strict=True)):
            return honoured("2 inputs, 2 vectors, each that of its input alone")
        if all(cosine(a, b) > _ALIKE for a, b in zip(both, alone[::-1], strict=True)):
            return broken("2 inputs, and their vectors are in the wrong order")
        return not_seen("2 inputs, 2 vectors, other ones than alone")

    return Probe(
        GROUP,
        "several texts" if isinstance(one, str) else "several lists of tokens",
        (step("both", [one, other]), step("one", one, role="compare"), step("other", other, role="compare")),
        judge,
        ("input",),
    )


def _tokens(answers: Answers) -> Verdict:
    if missing := _missing(answers):
        return missing
    short, long = (count(answers[name], "prompt_tokens") for name in ("short", "long"))
    if short is not None and long is not None and long - short == len(_TOKENS) - 2:
        return honoured(f"{len(_TOKENS)} tokens given, and {long - short} more read than of 2")
    if cosine(_vector(answers, "short"), _vector(answers, "long")) > _ALIKE:
        return ignored("two lists of tokens have the same vector")
    return not_seen("two lists of tokens have two vectors, and their number does not show in what is counted")


def _format(answers: Answers) -> Verdict:
    plain, packed = (get(answers[name].content, "data", 0, "embedding") for name in ("float", "base64"))
    if not isinstance(plain, list):
        return ignored(f"float asked, and {type(plain).__name__} came")
    if not isinstance(packed, str):
        return ignored(f"base64 asked, and {type(packed).__name__} came")
    if cosine(_vector(answers, "float"), _vector(answers, "base64")) <= _ALIKE:
        return broken("base64 does not hold the same numbers as 32-bit floats")
    return honoured(f"the same {len(plain)} numbers as a list and in base64")


def _dimensions(answers: Answers) -> Verdict:
    came, without = len(_vector(answers, "few")), len(_vector(answers, "all"))
    if without == _FEW:
        return not_seen(f"vectors have {_FEW} numbers without it too")
    return honoured(f"{_FEW} numbers asked, as many came") if came == _FEW else ignored(f"{_FEW} asked, {came} came")


def _usage(answers: Answers) -> Verdict:
    usage = [
        (count(answers[name], "prompt_tokens"), get(whole(answers[name]), "usage", "total_tokens"))
        for name in ("short", "long")
    ]
    (short, _), (long, _) = usage
    if short is None or long is None:
        return broken("no token counts")
    if any(read != total for read, total in usage):
        return broken("prompt_tokens is not total_tokens")
    return honoured(f"{short} and {long} tokens") if 0 < short < long else broken(f"{short} tokens, {long} for more")


_OWN = (
    Probe(
        GROUP,
        "",
        (
            step("one", _ONE),
            step("other", _OTHER),
            step("again", _ONE, turn=1),
            step("nonsense", role="nonsense", input=7),
        ),
        _differ,
        ("input",),
    ),
    _several(_ONE, _OTHER),
    Probe(
        GROUP,
        "tokens",
        (step("long", [*_TOKENS]), step("short", [*_TOKENS[:2]], role="compare")),
        _tokens,
        ("input",),
    ),
    _several([*_TOKENS[:2]], [*_TOKENS[2:6]]),
    Probe(
        GROUP,
        "",
        (
            step("float", _ONE, encoding_format="float"),
            step("base64", _ONE, encoding_format="base64"),
            step("nonsense", role="nonsense", encoding_format="qixotl"),
        ),
        _format,
        ("encoding_format",),
    ),
    Probe(
        GROUP,
        "",
        (
            step("few", _ONE, dimensions=_FEW),
            step("all", _ONE, role="compare"),
            step("nonsense", role="nonsense", dimensions="few"),
        ),
        _dimensions,
        ("dimensions",),
    ),
    Probe("answers", "tokens are counted", (step("short", _ONE), step("long", _OTHER)), _usage),
    errors.field("no input", "input", input=[]),
)

PROBES: tuple[Probe, ...] = (
    *of(EMBEDDINGS, messages.MODEL),
    *(replace(probe, operation=EMBEDDINGS) for probe in _OWN),
    *of(EMBEDDINGS, service.USER),
    *errors.common(EMBEDDINGS),
)
