"""The engine of a model file that makes embeddings: llama.cpp in the model process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...errors import ApiError, BadRequest, ContextLengthExceeded, ServerError, UpstreamFailed
from ...jsontypes import Json
from ...model_process.address import address_from_environment
from ..base import EMBEDDINGS, Embedded, Model, Plan, Refuse
from ..dialects.drift import Drift
from ..dialects.llama_cpp import errors
from ..dialects.vectors import read_vectors
from .local import LocalEngine
from .process import ModelProcess
from .texts import LONGEST_TOKEN

CAPABILITIES = frozenset({"token_prompts"})
OPERATIONS = frozenset({EMBEDDINGS})

# How many of a request's texts are sent to llama.cpp at a time. Other requests get their turn in between.
_AT_ONCE = 16


class LlamaEmbedder(LocalEngine):
    """As `base.EmbeddingEngine`, of one model. ``address`` and ``in_flight`` are those of a `ModelProcess`."""

    def __init__(
        self, model: Model, *, address: Callable[[], tuple[str, str]] = address_from_environment, in_flight: int = 128
    ) -> None:
        super().__init__(model, ModelProcess(address, in_flight))

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        """Refuse a conversation. The domain never passes one to this engine."""
        raise BadRequest("This model makes embeddings.", param="model", code="unsupported_operation")

    async def embed(self, request: Json, refuse: Refuse, client: str | None = None) -> Embedded:
        """As `base.EmbeddingEngine.embed`. Vectors have the length 1."""
        texts: list[Any] = request["input"]
        await self._refuse_hopeless(texts)
        made = Embedded([], 0)
        for some in _portions(texts):
            try:
                answer = await self._process.embed(some, client)
            except errors.TemplateRefused:
                raise BadRequest(
                    "Invalid value for 'input': the model cannot process it.", param="input", code="invalid_value"
                ) from None
            except ContextLengthExceeded:
                raise self._too_long() from None
            except ServerError:
                # llama.cpp reports a text that is too long for a step as a server error.
                raise await self._reason(some) from None
            try:
                part = read_vectors(answer, len(some), Drift(""))
            except UpstreamFailed:
                raise ServerError(errors.UNUSABLE) from None
            made.vectors += part.vectors
            made.tokens += part.tokens
        return made

    async def _refuse_hopeless(self, texts: list[Any]) -> None:
        """Refuse texts that cannot fit, and invalid token ids, before the request is sent to llama.cpp."""
        most = self._model.context_length
        if any(len(text) > (most if isinstance(text, list) else most * LONGEST_TOKEN) for text in texts):
            raise self._too_long()
        if isinstance(texts[0], list):
            size = await self._process.read_vocabulary_size()
            if not all(0 <= token < size for text in texts for token in text):
                raise BadRequest(
                    "Invalid value for 'input': one of its tokens is not in this model's vocabulary: send ids from 0 "
                    f"to {size - 1}.",
                    param="input",
                    code="invalid_value",
                )

    async def _reason(self, texts: list[Any]) -> ApiError:
        for text in texts:
            taken = len(text) if isinstance(text, list) else len(await self._process.tokens(text))
            if taken > self._model.context_length:
                return self._too_long()
        return ServerError("The engine failed to answer this request.")

    def _too_long(self) -> ContextLengthExceeded:
        return ContextLengthExceeded(
            f"This model reads at most {self._model.context_length} tokens of a text, and one of the texts has more. "
            "Shorten it, or split it.",
            param="input",
        )


def _portions(texts: list[Any]) -> Iterator[list[Any]]:
    for begin in range(0, len(texts), _AT_ONCE):
        yield texts[begin : begin + _AT_ONCE]
