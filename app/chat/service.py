"""The chat domain as one object: which models there are, and how a request is answered by one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

from ..engines.base import Engine, Json, Model
from ..errors import ModelNotFound
from .completion import chunks, completion
from .parameters import refuse_unsupported


class Chat:
    """Answers chat completions by an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._models = {model.id: model for model in engine.models}

    @property
    def models(self) -> list[Model]:
        return list(self._models.values())

    def model(self, model_id: str) -> Model:
        """The model with an id.

        Raises:
            ModelNotFound: there is none.
        """
        found = self._models.get(model_id)
        if found is None:
            served = ", ".join(repr(name) for name in self._models)
            raise ModelNotFound(f"This server has no such model. It serves: {served}.", param="model")
        return found

    async def complete(self, body: Json, log: Json) -> Json:
        """The completion for a valid request.

        Raises:
            ApiError: the model is unknown, a parameter unsupported, or the engine cannot answer.
        """
        model, request = self._prepare(body, log)
        answer = completion(await self.engine.complete(request), model)
        log["tokens"] = answer["usage"]["total_tokens"]
        return answer

    def stream(self, body: Json, log: Json) -> AsyncIterator[Json]:
        """The chunks for a valid request; raises as `complete` does, also between chunks."""
        model, request = self._prepare(body, log)
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return chunks(self.engine.stream(request), model, include_usage=include_usage, log=log)

    def _prepare(self, body: Json, log: Json) -> tuple[Model, Json]:
        model = self.model(body["model"])
        log["model"] = model.id
        for name in ("user", "safety_identifier"):
            if body.get(name) is not None:
                log[name] = sha256(body[name].encode()).hexdigest()[:8]
        refuse_unsupported(body, model)
        request = {name: _plain(value) for name, value in body.items() if value is not None}
        if "max_tokens" in request and "max_completion_tokens" in request:
            # Two limits of the same thing: the lower one keeps both.
            request["max_completion_tokens"] = min(request.pop("max_tokens"), request["max_completion_tokens"])
        return model, request


def _plain(value: Any) -> Any:
    # To JSON Schema 2.0 is an integer, and so it is to the engines.
    return int(value) if isinstance(value, float) and value.is_integer() else value
