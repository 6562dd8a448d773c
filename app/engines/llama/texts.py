"""A text completion that the model process is going to generate."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ...errors import BadRequest, ContextLengthExceeded
from ...jsontypes import Json
from ...model_process.slots import SlotRequest, slot_request
from ..asked import Asked
from ..base import Completion, Delta, Deltas, TokenLogprob
from ..collecting import collect
from ..dialects.drift import Drift
from ..dialects.llama_cpp import errors
from ..dialects.llama_cpp.reader import TextReader
from ..dialects.llama_cpp.request import fold_seed, take_silence, take_stops, translate_text
from ..dialects.texts import asked_of
from .answer import end_of, read_events
from .process import ModelProcess
from .prompts import Probabilities
from .text import TOLD

# No vocabulary has longer tokens, in characters.
LONGEST_TOKEN = 512


async def prepare_text(process: ModelProcess, request: Json, context_length: int, client: str | None) -> TextPlan:
    """As `base.TextEngine.prepare_text`; ``context_length`` is in tokens.

    Raises:
        ApiError: the prompt is not valid for this model, or longer than its context, or the process does not answer.
    """
    prompt = request["prompt"]
    most = context_length if isinstance(prompt, list) else context_length * LONGEST_TOKEN
    if len(prompt) > most:
        raise _too_long(f"This model's context holds {context_length} tokens, and the prompt takes more.")
    by_id = isinstance(prompt, list) or request.get("logit_bias")
    size = await process.read_vocabulary_size() if by_id else None
    if isinstance(prompt, list) and size is not None and not all(0 <= token < size for token in prompt):
        raise BadRequest(
            "Invalid value for 'prompt': one of its tokens is not in this model's vocabulary: send ids from 0 to "
            f"{size - 1}.",
            param="prompt",
            code="invalid_value",
        )
    if prompt == "" and not await process.tokens(prompt):
        raise BadRequest(
            "Invalid value for 'prompt': this model cannot start from an empty prompt. Send at least one character.",
            param="prompt",
            code="invalid_value",
        )
    asked = asked_of(request)
    payload = translate_text(request, asked, context_length=context_length, vocabulary_size=size)
    payload["response_fields"] = TOLD
    if asked.alternatives is not None:
        payload["n_probs"] = max(1, asked.alternatives)  # for 0, llama.cpp returns no log probabilities at all
    silent, stops = take_silence(payload), take_stops(payload)
    # A slot that has read the same prompt is reused, like one that has read the same messages.
    slot = slot_request({"messages": [{"prompt": prompt}]}, client)
    head = None
    if request.get("echo"):
        head = Prompt(process, prompt, asked.alternatives, slot, context_length)
    return TextPlan(process, asked, request.get("seed"), slot, payload, silent, stops, head)


@dataclass(slots=True)
class Prompt:
    """A prompt as the beginning of an answer, with the log probabilities of its tokens if ``alternatives`` is set. It
    is read once for all choices; reading stops when the client disconnects."""

    process: ModelProcess
    prompt: Any
    alternatives: int | None
    slot: SlotRequest
    context_length: int
    _read: tuple[str, list[TokenLogprob] | None] | None = None
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self) -> tuple[str, list[TokenLogprob] | None]:
        """Return the prompt's text, and the log probabilities."""
        async with self._reading:
            if self._read is None:
                self._read = await self._find()
            return self._read

    async def _find(self) -> tuple[str, list[TokenLogprob] | None]:
        with _of_prompts():
            text = self.prompt if isinstance(self.prompt, str) else await self.process.text(self.prompt)
            if self.alternatives is None:
                return text, None
            size = await self.process.read_vocabulary_size()
            tokens = await self.process.tokens(text)
            if isinstance(self.prompt, list):
                known = {piece.token: piece for piece in tokens}
                for token in self.prompt:
                    if token not in known:
                        known[token] = await self.process.piece(token)
                tokens = [known[token] for token in self.prompt]
            if len(tokens) > self.context_length:
                raise _too_long(f"This model's context holds {self.context_length} tokens, and the prompt takes more.")
            probabilities = Probabilities(self.process, self.slot, self.alternatives, size)
            return text, await probabilities.of(tokens)


@dataclass(slots=True)
class TextPlan:
    """As `base.Plan`. ``silent`` and ``stops`` are those of a `LlamaReader`; ``head`` is the prompt if each answer
    begins with it, else None."""

    process: ModelProcess
    asked: Asked
    seed: int | None
    slot: SlotRequest
    payload: Json
    silent: bool
    stops: Sequence[str]
    head: Prompt | None = None

    async def complete(self, choice: int = 0) -> Completion:
        """As `base.Plan.complete`."""
        answer = await collect(self.stream(choice))
        if self.asked.alternatives is not None:
            for made in answer.choices:
                made.logprobs = made.logprobs or {"content": [], "refusal": None}
        return answer

    async def stream(self, choice: int = 0) -> Deltas:
        """As `base.Plan.stream`."""
        if self.head is not None:
            text, entries = await self.head.read()
            yield Delta(0, {"content": text}, None, None if entries is None else {"content": entries, "refusal": None})
        seed = secrets.randbits(31) if self.seed is None else fold_seed(int(self.seed) + choice)
        reader = TextReader(
            self.asked, Drift(""), silent=self.silent, stops=self.stops, own=True, error=errors.error_of
        )
        with _of_prompts():
            async with aclosing(self.process.events({**self.payload, "seed": seed}, self.slot)) as steps:
                async for events in steps:
                    for item in read_events(reader, events):
                        yield item
                    if reader.done:
                        return
            for item in end_of(reader):
                yield item


@contextmanager
def _of_prompts() -> Iterator[None]:
    """Turn errors about messages into errors about the prompt."""
    try:
        yield
    except ContextLengthExceeded as error:
        first = error.message.partition(" Shorten")[0]
        raise _too_long(first.replace("the messages take", "the prompt takes")) from None
    except errors.TemplateRefused:
        raise BadRequest(
            "Invalid value for 'prompt': the model cannot process it.", param="prompt", code="invalid_value"
        ) from None


def _too_long(sentence: str) -> ContextLengthExceeded:
    return ContextLengthExceeded(f"{sentence} Shorten the prompt.", param="prompt")
