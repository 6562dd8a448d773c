"""Which grammars the model process can obey, found out by making it obey them once.

llama.cpp says nothing of a grammar that it does not understand, and answers without one.
"""

from __future__ import annotations

import hashlib

from ..constraints.binding import PROOF, Binding
from .process import ModelProcess

# How many grammars that llama.cpp understood are remembered.
_REMEMBERED = 1024


class Trials:
    """Tries each grammar once."""

    def __init__(self, process: ModelProcess) -> None:
        self._process = process
        self._understood: set[bytes] = set()

    async def check(self, binding: Binding, client: str | None) -> None:
        """Do nothing when llama.cpp understands what is to bind an answer to a client.

        Raises:
            BadRequest: it does not; the error names the part that is at fault.
        """
        if not await self._understands(binding, client):
            for part in binding.parts:  # which of them is it?
                if not await self._understands(part, client):
                    raise part.refuse()
            raise binding.refuse()

    async def _understands(self, binding: Binding, client: str | None) -> bool:
        key = hashlib.blake2b(binding.trial.encode()).digest()
        if key not in self._understood:
            trial = {"prompt": "a", "n_predict": 1, "temperature": 0, "grammar": binding.trial}
            if (await self._process.complete_text(trial, client)).get("content") != PROOF:
                return False
            if len(self._understood) >= _REMEMBERED:
                self._understood.clear()
            self._understood.add(key)
        return True
