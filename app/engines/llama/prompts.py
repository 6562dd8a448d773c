"""The log probabilities of a prompt's tokens. llama.cpp returns log probabilities only for tokens that it generates.

So llama.cpp is forced to generate each token of the prompt after those before it. A logit bias forces the token; it
does not change the log probabilities, which are the model's own before sampling. The prompt cache stays in the slot, so
a token of the prompt costs as much as a token of an answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from ...errors import ServerError, UnsupportedParameter
from ...jsontypes import Json
from ...model_process.slots import SlotRequest
from ..base import TokenLogprob
from ..dialects.llama_cpp import errors
from .process import ModelProcess, Piece

# Larger than any difference between a model's logits.
_FORCED = 1e6
# The maximum number of log probabilities to search for tokens that are parts of characters.
_MOST_LOOKED_THROUGH = 2_000_000

Make = Callable[[Json], Awaitable[Json]]


class Probabilities:
    """Finds the log probabilities, with ``alternatives`` alternatives for each token. The vocabulary has ``size``
    tokens."""

    def __init__(self, process: ModelProcess, slot: SlotRequest, alternatives: int, size: int) -> None:
        self._process = process
        self._slot = slot
        self._alternatives = alternatives
        self._size = size

    async def of(self, pieces: Sequence[Piece]) -> list[TokenLogprob]:
        """Return those of a prompt's tokens. The first token has no tokens before it: its log probability is None.

        Raises:
            UnsupportedParameter: too many tokens are parts of characters.
            ApiError: the process does not answer.
        """
        parts = sum(not piece.text for piece in pieces[1:])
        if parts * self._size > _MOST_LOOKED_THROUGH:
            raise UnsupportedParameter(
                "Unsupported parameter: 'echo' is not supported with 'logprobs' for a prompt with so many characters "
                "that take several tokens each. Leave one of them out, or shorten the prompt.",
                param="echo",
            )
        found = [_entry(piece, None, []) for piece in pieces[:1]]
        ids = [piece.token for piece in pieces]
        letters = await self._process.tokens("a") if parts else []
        whole = next((piece.token for piece in (*pieces, *letters) if piece.text), None)
        async with self._process.one_by_one(self._slot) as make:
            for place, piece in enumerate(pieces[1:], 1):
                if piece.text:
                    told = await self._ask(make, ids[:place], piece.token, max(1, self._alternatives))
                    value = told["logprob"]
                else:
                    # llama.cpp reports nothing for a token that is not a text by itself: search all other tokens.
                    told = await self._ask(make, ids[:place], whole, self._size)
                    others = [each["logprob"] for each in told["top_logprobs"] if each.get("id") == piece.token]
                    value = others[0] if others else told["top_logprobs"][-1]["logprob"]
                found.append(_entry(piece, value, told["top_logprobs"][: self._alternatives]))
        return found

    async def _ask(self, make: Make, prompt: list[int], forced: int | None, listed: int) -> Json:
        made = await make(
            {
                "prompt": prompt,
                "n_predict": 1,
                "n_probs": listed,
                "samplers": ["temperature"],
                "temperature": 0,
                "logit_bias": [] if forced is None else [[forced, _FORCED]],
                "response_fields": ["completion_probabilities"],
            }
        )
        entries = made.get("completion_probabilities")
        if not isinstance(entries, list) or not entries:
            raise ServerError(errors.UNUSABLE)
        entry: Json = entries[0]
        return entry


def _entry(piece: Piece, value: Any, others: list[Json]) -> TokenLogprob:
    token = "\N{REPLACEMENT CHARACTER}" if piece.text is None else piece.text
    top = [{name: each[name] for name in ("token", "logprob", "bytes")} for each in others]
    return cast(TokenLogprob, {"token": token, "logprob": value, "bytes": piece.data, "top_logprobs": top})
