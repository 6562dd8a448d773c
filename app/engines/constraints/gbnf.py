"""Schemas as grammars in GBNF, llama.cpp's own."""

from __future__ import annotations

from ...jsontypes import Json


def grammar_of(schema: Json) -> str | None:
    return None
