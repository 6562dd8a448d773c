"""The chat domain as one object: which models there are, and how a request is answered by one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ..engines.base import Engine, Json, Model
from ..errors import BadRequest, ModelNotFound
from . import choices
from .completion import chunks, completion
from .messages import check_conversation
from .parameters import honour


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for: choices, and tokens over all its choices."""

    choices: int = 128
    tokens: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Call:
    """A request that can be answered: the model, what the engine gets, how many choices, what is not honoured."""

    model: Model
    request: Json
    n: int
    ignored: list[str]


class Chat:
    """Answers chat completions by an engine.

    ``policy`` says what happens to a parameter that a model cannot honour: ``refuse`` or ``warn``.
    """

    def __init__(self, engine: Engine, *, policy: str = "refuse", limits: Limits | None = None) -> None:
        self.engine = engine
        self.policy = policy
        self.limits = limits or Limits()
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

    def prepare(self, body: Json, log: Json, client: str | None = None) -> Call:
        """What a valid request comes down to. ``client`` is the short name of the key that it came with.

        Raises:
            ModelNotFound: there is no such model.
            BadRequest: the messages make no conversation, a limit is passed, or a parameter is not supported.
        """
        model = self.model(body["model"])
        log["model"] = model.id
        for name in ("user", "safety_identifier"):
            if body.get(name) is not None:
                log[name] = sha256(body[name].encode()).hexdigest()[:8]
        check_conversation(body["messages"])
        request, ignored = honour(body, model, policy=self.policy)
        if ignored:
            log["ignored"] = ",".join(ignored)[:500]
        request = {name: _plain(value) for name, value in request.items()}
        if "prompt_cache_key" in request:
            # Another client's key of the same name is another key: it must not tell what this one's requests were.
            request["prompt_cache_key"] = sha256(f"{client}\0{request['prompt_cache_key']}".encode()).hexdigest()
        if "max_tokens" in request and "max_completion_tokens" in request:
            # Two limits of the same thing: the lower one keeps both.
            request["max_completion_tokens"] = min(request.pop("max_tokens"), request["max_completion_tokens"])
        return Call(model, request, self._choices(request, model), ignored)

    def _choices(self, request: Json, model: Model) -> int:
        n: int = request.get("n", 1)
        if n > self.limits.choices:
            raise BadRequest(
                f"Invalid value for 'n': this server makes at most {self.limits.choices} choices for a request.",
                param="n",
                code="integer_above_max_value",
            )
        limit = request.get("max_completion_tokens", request.get("max_tokens"))
        tokens = n * (model.context_length if limit is None else min(limit, model.context_length))
        if n > 1 and tokens > self.limits.tokens:
            raise BadRequest(
                f"Invalid value for 'n': the choices could come to more than the {self.limits.tokens} tokens that this "
                "server makes for a request; ask for fewer choices, or set 'max_completion_tokens'.",
                param="n",
                code="integer_above_max_value",
            )
        return n

    async def complete(self, call: Call, log: Json) -> Json:
        """The completion.

        Raises:
            ApiError: the engine refuses the request or cannot answer.
        """
        if call.n == 1:
            raw = await self.engine.complete(call.request)
        else:
            raw = await choices.complete(self.engine, call.request, call.n)
        answer = completion(raw, call.model, metadata=call.request.get("metadata"))
        log["tokens"] = answer["usage"]["total_tokens"]
        return answer

    def stream(self, call: Call, log: Json) -> AsyncIterator[Json]:
        """The chunks of the completion; raises as `complete` does, also between chunks."""
        options = call.request.get("stream_options", {})
        one = call.n == 1
        return chunks(
            self.engine.stream(call.request) if one else choices.stream(self.engine, call.request, call.n),
            call.model,
            include_usage=bool(options.get("include_usage")),
            obfuscate=bool(options.get("include_obfuscation")),
            log=log,
        )


def _plain(value: Any) -> Any:
    # To JSON Schema 2.0 is an integer, and so it is to the engines.
    return int(value) if isinstance(value, float) and value.is_integer() else value
