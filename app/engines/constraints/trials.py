"""Checks which grammars can be obeyed, by compiling them as llama.cpp will.

llama.cpp reports no error for a grammar that it does not understand, and answers without one. LLGuidance, with which it
compiles grammars, is also available here. The vocabulary for this check consists of single bytes: every vocabulary can
spell what bytes can spell.
"""

from __future__ import annotations

import asyncio
import hashlib

from ...fairness import FairSemaphore
from .binding import Binding
from .gbnf.grammar import grammar_of
from .grammar import can_be_obeyed

# How many grammars that were understood are cached.
_REMEMBERED = 1024
# The number of grammars that are compiled at the same time, each in a thread: large ones take a tenth of a second.
_AT_ONCE = 2
# Grammars of at most this many characters are compiled in the event loop; that takes a few milliseconds.
_SMALL = 1_500


# The number of translations that are cached, and the maximum number of characters of each.
_TRANSLATED, _LONGEST_KEPT = 64, 50_000


class Trials:
    """Tries each grammar once and caches the result."""

    def __init__(self) -> None:
        self._understood: set[bytes] = set()
        self._translated: dict[bytes, str] = {}
        self._turns = FairSemaphore(_AT_ONCE)

    async def check(self, binding: Binding, client: str | None) -> None:
        """Check that the binding of an answer to a client can be obeyed.

        Raises:
            BadRequest: it cannot; the error names the part that is the cause.
        """
        if not await self._understands(binding, client):
            for part in binding.parts:  # which of them is it?
                if not await self._understands(part, client):
                    raise part.refuse()
            raise binding.refuse()

    async def translate(self, binding: Binding, client: str | None) -> str:
        """Return the binding in llama.cpp's own grammar language.

        Raises:
            BadRequest: it cannot be expressed there; the error names the part that is the cause.
        """
        grammar = await self._said(binding, client)
        if grammar is None:
            for part in binding.parts:  # which of them is it?
                if await self._said(part, client) is None:
                    raise part.refuse()
            raise binding.refuse()
        return grammar

    async def _said(self, binding: Binding, client: str | None) -> str | None:
        schema = binding.schema
        if schema is None:
            return None
        key = hashlib.blake2b(binding.grammar.encode()).digest()
        if key in self._translated:
            return self._translated[key]
        async with self._turns.hold(client):
            grammar = await asyncio.to_thread(grammar_of, schema)
        if grammar is not None and len(grammar) <= _LONGEST_KEPT:
            if len(self._translated) >= _TRANSLATED:
                self._translated.clear()
            self._translated[key] = grammar
        return grammar

    async def _understands(self, binding: Binding, client: str | None) -> bool:
        grammar = binding.grammar
        key = hashlib.blake2b(grammar.encode()).digest()
        if key in self._understood:
            return True
        if len(grammar) <= _SMALL:
            obeyed = can_be_obeyed(grammar)
        else:
            async with self._turns.hold(client):
                obeyed = await asyncio.to_thread(can_be_obeyed, grammar)
        if obeyed:
            if len(self._understood) >= _REMEMBERED:
                self._understood.clear()
            self._understood.add(key)
        return obeyed
