"""Checks whether an answer has more tokens than its limit allows, as far as that is visible.

Hidden reasoning tokens count, as ``max_completion_tokens`` requires. ``max_tokens`` is older than reasoning: a server
that counts reasoning tokens separately may exclude them from that limit.
"""

from __future__ import annotations

from ..asked import Asked
from ..base import Usage
from .breaches import Breaches

# Allowed tokens above the limit of a choice: some servers count its start and end tokens.
TOLERANCE = 2


class Spending:
    """Checks the tokens of one answer, all choices together, against the limit. ``bounded``: there is a limit."""

    def __init__(self, asked: Asked, breaches: Breaches) -> None:
        self.bounded = asked.limit is not None
        self._limit_name = asked.limit_name or ""
        self._most = asked.n * ((asked.limit or 0) + TOLERANCE)
        self._most_pieces = asked.n * (2 * (asked.limit or 0) + TOLERANCE)
        self._breaches = breaches
        self._pieces = self._characters = 0

    def count(self, text: str) -> None:
        """Count a piece of a streamed text: servers that report no usage may exceed the limit too. A server may split
        tokens into pieces, but hardly every token in two, or into single letters.

        Raises:
            UpstreamFailed: the limit is exceeded.
        """
        if self.bounded and text:
            self._pieces += 1
            self._characters += len(text)
            if self._pieces > self._most_pieces and self._characters > 2 * self._pieces:
                self._exceed()

    def hold(self, usage: Usage) -> None:
        """Check the usage of the whole answer against the limit; raises as `count`."""
        made, details = usage["completion_tokens"], usage["completion_tokens_details"]
        # Rejected predictions are billed, but are not part of the answer.
        made -= details["rejected_prediction_tokens"]
        if self._limit_name == "max_tokens":
            made -= details["reasoning_tokens"]
        if self.bounded and made > self._most:
            self._exceed()

    def _exceed(self) -> None:
        self._breaches.tell(self._limit_name, "its answer has more tokens than it allows.")
        self.bounded = False
