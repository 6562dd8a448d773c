"""A deterministic engine without a model: it answers with the words of the conversation's last message.

For benchmarks, for the tests of clients, and for ours. A token is a word with the space before it. There is one
outcome with probability one, so temperature, top_p and seed change nothing by their own meaning.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

from ..errors import BadRequest, ContextLengthExceeded
from ..jsontypes import Json
from .base import Choice, Completion, Delta, Deltas, Model, Refuse, Usage, usage_of

_TOKEN = re.compile(r"\s*\S+")

# Characters of a conversation. Words are looked for without a pause, for some 50 ms in so many.
LONGEST = 1 << 20

# Characters of all choices of an answer together. A word counts as one token however long it is, so that the bounds on
# tokens alone would let an answer have a hundred times the request.
LONGEST_ANSWER = 4 * LONGEST

CAPABILITIES = frozenset({"sampling", "seed", "stop", "length", "max_tokens"})

MODEL = Model(
    "parley-echo", created=1_763_596_800, owned_by="parley", fingerprint="fp_echo_1", capabilities=CAPABILITIES
)


class EchoEngine:
    """Serves one model. ``delay`` is the pause between two chunks in seconds."""

    def __init__(self, *, delay: float = 0.0, model: Model = MODEL) -> None:
        self.delay = delay
        self.models: tuple[Model, ...] = (model,)

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    async def ready(self) -> bool:
        return True

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> EchoPlan:
        """As `base.Engine.prepare`."""
        texts = [_text(message.get("content")) for message in request["messages"]]
        if sum(map(len, texts)) > LONGEST:
            raise ContextLengthExceeded(
                f"This model's context holds {LONGEST} characters, and the messages have more. Shorten the messages.",
                param="messages",
            )
        tokens, reason = _answer(request, texts)
        prompt = sum(len(text.split()) for text in texts)
        return EchoPlan(tokens, reason, usage_of(prompt, len(tokens)), self.delay)


@dataclass(slots=True)
class EchoPlan:
    """As `base.Plan`; each choice is the same."""

    tokens: list[str]
    reason: str
    usage: Usage
    delay: float

    def _bound(self, choice: int) -> None:
        """Refuse the choices beyond what an answer may have, and the request with them.

        It is done before the first wait, so that a stream has not begun.
        """
        if (choice + 1) * sum(map(len, self.tokens)) > LONGEST_ANSWER:
            raise BadRequest(
                f"Invalid value for 'n': the choices would come to more than the {LONGEST_ANSWER} characters that this "
                "model gives for a request; ask for fewer choices, or shorten the last message.",
                param="n",
                code="integer_above_max_value",
            )

    async def complete(self, choice: int = 0) -> Completion:
        self._bound(choice)
        if self.delay:
            await asyncio.sleep(self.delay * len(self.tokens))
        return Completion([Choice(0, {"content": "".join(self.tokens)}, self.reason)], {"usage": self.usage})

    async def stream(self, choice: int = 0) -> Deltas:
        self._bound(choice)
        for token in self.tokens:
            # Without a pause too, others get their turn between two chunks.
            await asyncio.sleep(self.delay)
            yield Delta(0, {"content": token})
        yield Delta(0, {}, self.reason)
        yield {"usage": self.usage}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or ())


def _tokens(text: str) -> list[str]:
    # Without the space at the end, at each character of which the search for a word would begin anew.
    return _TOKEN.findall(text.rstrip())


def _answer(request: Json, texts: list[str]) -> tuple[list[str], str]:
    """The tokens of the answer and why it ends."""
    text = next((stripped for text in reversed(texts) if (stripped := text.strip())), "…")
    stops = request.get("stop") or ()
    for stop in (stops,) if isinstance(stops, str) else stops:
        if stop and (at := text.find(stop)) >= 0:
            text = text[:at]
    tokens = _tokens(text)
    limit = request.get("max_completion_tokens", request.get("max_tokens"))
    if limit is not None and len(tokens) > limit:
        return tokens[:limit], "length"
    return tokens, "stop"
