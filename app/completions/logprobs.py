"""Log probabilities in the format of the completions API: parallel lists."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import Any

from ..engines.base import TokenLogprob
from ..jsontypes import Json


class Lists:
    """Builds the lists of one choice, chunk by chunk, without I/O."""

    def __init__(self) -> None:
        self._offset = 0  # in characters, from the beginning of the text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, entries: Iterable[TokenLogprob]) -> Json:
        """The lists for the next tokens. A token that nothing precedes has a log probability of None."""
        made: Json = {"text_offset": [], "token_logprobs": [], "tokens": [], "top_logprobs": []}
        for entry in entries:
            value: Any = entry["logprob"]
            made["tokens"].append(entry["token"])
            made["token_logprobs"].append(value)
            made["text_offset"].append(self._offset)
            made["top_logprobs"].append(None if value is None else _likeliest(entry))
            self._offset += self._length(entry)
        return made

    def _length(self, entry: TokenLogprob) -> int:
        """The number of characters that a token adds; a character split over several tokens counts with the last."""
        told = entry.get("bytes")
        if told is None:
            return len(entry["token"])
        return len(self._decoder.decode(bytes(told)))


def _likeliest(entry: TokenLogprob) -> dict[str, float]:
    """The likeliest tokens at a token's position, including the token itself, the likeliest first."""
    found = {other["token"]: other["logprob"] for other in entry.get("top_logprobs", ())}
    found.setdefault(entry["token"], entry["logprob"])
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
