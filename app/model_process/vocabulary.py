"""The errors in the vocabulary that llama.cpp passes to its LLGuidance.

llama.cpp passes each token in the form that it has at the beginning of a text. If the vocabulary begins texts with a
space (SentencePiece), tokens that begin with a space are passed without it. If it tidies up texts (some byte-pair
vocabularies), spaces before punctuation are missing. LLGuidance then allows tokens that its grammar does not allow.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

# The spaces that llama.cpp removes: a space, in one of its spellings, before these characters.
_SPACE = "(?:\u0120|\u2581| )".encode()
_UNTIDY = re.compile(_SPACE + rb"(?:[?!.,]|'(?:" + _SPACE + rb"|s|m|re|ve))")

_ARRAY_HEAD = struct.Struct("<IQ")
_TEXTS = 8


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``cut``: all tokens that begin with a space are passed without it. ``untidy`` are the ids of tokens that may be
    passed without a space that they contain."""

    cut: bool = False
    untidy: tuple[int, ...] = ()


def vocabulary(kind: str | None, prefix: bool | None, tokens: bytes) -> Vocabulary:
    """Return the errors for a vocabulary of a kind. ``prefix`` is the file's setting for a space at the beginning of
    texts. ``tokens`` is its array of tokens in GGUF format: a type, a count, and each token after its length."""
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
            # A match that ends after the token includes bytes of the next token's length.
            if places[next_place][1] <= at and (not found or found[-1] != token):
                found.append(token)
            next_place += 1
        if next_place == len(places):
            break
    return tuple(found)
