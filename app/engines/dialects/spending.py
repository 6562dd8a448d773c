"""Whether an answer took more tokens than it was allowed, as far as that can be seen.

Hidden thoughts count, as ``max_completion_tokens`` has it. ``max_tokens`` is older than they are: where a server counts
them apart, it may have left them out of its bound.
"""

from __future__ import annotations

from ..asked import Asked
from ..base import Usage
from .breaches import Breaches

# Tokens of a choice above its limit that may be the marks of its beginning and its end, which some servers count.
TOLERANCE = 2


class Spending:
    """Holds the tokens of one answer, all choices together, to the limit. ``bounded``: there is one."""

    def __init__(self, asked: Asked, breaches: Breaches) -> None:
        self.bounded = asked.limit is not None
        self._limit_name = asked.limit_name or ""
        self._most = asked.n * ((asked.limit or 0) + TOLERANCE)
        self._most_pieces = asked.n * (2 * (asked.limit or 0) + TOLERANCE)
        self._breaches = breaches
        self._pieces = self._characters = 0

    def count(self, text: str) -> None:
        """Take note of a piece of a streamed text: servers that give no usage may pass the limit too. A server may cut
        tokens in pieces, but hardly each in two, nor into single letters.

        Raises:
            UpstreamFailed: there were too many.
        """
        if self.bounded and text:
            self._pieces += 1
            self._characters += len(text)
            if self._pieces > self._most_pieces and self._characters > 2 * self._pieces:
                self._exceed()

    def hold(self, usage: Usage) -> None:
        """Hold the usage of the whole answer to the limit; raises as `count`."""
        made, details = usage["completion_tokens"], usage["completion_tokens_details"]
        # What was predicted in vain is paid for, and stands in no answer.
        made -= details["rejected_prediction_tokens"]
        if self._limit_name == "max_tokens":
            made -= details["reasoning_tokens"]
        if self.bounded and made > self._most:
            self._exceed()

    def _exceed(self) -> None:
        self._breaches.tell(self._limit_name, "its answer has more tokens than it allows.")
        self.bounded = False
