"""The domain of embeddings: models, policy, load and fallbacks are shared with the chat domain."""

from __future__ import annotations

import asyncio
from typing import cast

from ..accounts import Account
from ..chat.call import Call
from ..chat.fallbacks import Fallbacks
from ..chat.service import Chat
from ..chat.token_lists import listed, narrowed, refuse_tokens
from ..contract.faults import Validator
from ..engines.base import Embedded, EmbeddingEngine, Model
from ..errors import ApiError, BadRequest
from ..jsontypes import Json
from .parameters import EMBEDDING, able
from .vectors import as_base64, as_numbers, length_of

# The maximum of numbers in an answer. Numbers are validated and written one by one, which blocks the event loop for all
# other requests; base64 does not.
MOST_NUMBERS = 1 << 20

_MANY = 128


class Embeddings(Chat):
    """As `Chat`, for embeddings: `embed` instead of completions. In a call's request ``input`` is a list of texts or of
    token lists.

    ``packs``: the document allows vectors in base64. If another author's document does not (OpenAI's own does not),
    vectors are returned as numbers, which OpenAI's SDKs read too, and the parameter is named as not honoured.
    """

    table = EMBEDDING
    packs = True

    def fit(self, validator: Validator) -> None:
        entry = {"object": "embedding", "index": 0, "embedding": "AAAAAA=="}
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        answer = {"object": "list", "data": [entry], "model": "m", "usage": usage}
        self.packs &= validator.is_valid(answer)

    def _check(self, body: Json) -> None:
        texts = body["input"]
        if texts == "" or (isinstance(texts, list) and "" in texts):
            raise BadRequest(
                "Invalid value for 'input': an empty text has no embedding. Send texts of at least one character.",
                param="input",
                code="invalid_value",
            )

    def _call(self, model: Model, body: Json, account: Account, log: Json) -> Call:
        call = super()._call(narrowed(model, body, able), body, account, log)
        if not self.packs and call.request.get("encoding_format") == "base64":
            del call.request["encoding_format"]
            call.tell_ignored(["encoding_format"])
        return call

    def _complete_request(self, request: Json, model: Model, client: str | None) -> int:
        refuse_tokens("input", request["input"], model)
        request["input"] = listed(request["input"])
        return 1

    async def embed(self, call: Call) -> Json:
        """The answer with the vectors. If another model answers instead, the call is switched to that model.

        Raises:
            ApiError: the engine refuses the request or cannot answer.
        """
        fallbacks = Fallbacks(self._call, self.model, call)
        engine = cast(EmbeddingEngine, self.engine)
        while True:
            try:
                async with self.limiters.of(call.model.id).permit(call.n, call.client):
                    made = await engine.embed(call.request, call.refuse, call.client)
            except ApiError as error:
                await fallbacks.next(error)
                continue
            call.log["tokens"] = made.tokens
            call.account.tally.usage = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
            # Many vectors are converted in a thread, so that they do not block the event loop.
            return _answer(made, call) if len(made.vectors) < _MANY else await asyncio.to_thread(_answer, made, call)


def _answer(made: Embedded, call: Call) -> Json:
    packed = call.request.get("encoding_format") == "base64"
    if not packed and length_of(made.vectors[0]) * len(made.vectors) > MOST_NUMBERS:
        raise BadRequest(
            f"Invalid value for 'encoding_format': the embeddings of a request may have at most {MOST_NUMBERS} numbers "
            "in all, unless they are sent as base64. Send base64, or fewer texts at a time.",
            param="encoding_format",
            code="invalid_value",
        )
    written = as_base64 if packed else as_numbers
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": written(vector)}
            for index, vector in enumerate(made.vectors)
        ],
        "model": call.model.id,
        "usage": {"prompt_tokens": made.tokens, "total_tokens": made.tokens},
    }
