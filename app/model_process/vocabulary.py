"""What LLGuidance, as llama.cpp has it, is told wrong of a model's vocabulary.

llama.cpp tells it each token as that token reads at the beginning of a text: where its vocabulary begins texts with a
space (SentencePiece), tokens that begin with one are told without it; and where it tidies up texts (some vocabularies
of byte pairs), spaces before punctuation are left out. LLGuidance then allows tokens that its grammar does not.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

# What llama.cpp tidies up: a space, in one of its spellings, before these.
_SPACE = "(?:\u0120|\u2581| )".encode()
_UNTIDY = re.compile(_SPACE + rb"(?:[?!.,]|'(?:" + _SPACE + rb"|s|m|re|ve))")

_ARRAY_HEAD = struct.Struct("<IQ")
_TEXTS = 8


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``cut``: all tokens that begin with a space are told without it. ``untidy`` are the ids of tokens that may be
    told without a space in them."""

    cut: bool = False
    untidy: tuple[int, ...] = ()


def vocabulary(kind: str | None, prefix: bool | None, tokens: bytes) -> Vocabulary:
    """What is told wrong of a vocabulary of a kind. ``prefix`` is what the file says of spaces at the beginning of
    texts, ``tokens`` its array of tokens, as GGUF has it: a type, a count, and each token behind its length."""
    if kind == "llama":
        return Vocabulary(cut=prefix is not False)
    return Vocabulary(cut=bool(prefix), untidy=_untidy(tokens))


def _untidy(tokens: bytes) -> tuple[int, ...]:
    places = [found.span() for found in _UNTIDY.finditer(tokens)]
    if not places or _ARRAY_HEAD.unpack_from(tokens)[0] != _TEXTS:
        return ()
    found: list[int] = []
    length = struct.Struct("<Q").unpack_from
    at, next_place = _ARRAY_HEAD.size, 0
    for token in range(_ARRAY_HEAD.unpack_from(tokens)[1]):
        at += 8 + length(tokens, at)[0]
        while next_place < len(places) and places[next_place][0] < at:
            # What goes beyond the token is the length of the next.
            if places[next_place][1] <= at and (not found or found[-1] != token):
                found.append(token)
            next_place += 1
        if next_place == len(places):
            break
    return tuple(found)
