"""The chat domain as one object: which models there are, and how a request is answered by one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast
from urllib.parse import quote

from ..engines.base import Engine, Json, Model
from ..errors import ApiError, BadRequest, EngineUnavailable, ModelNotFound, UnsupportedParameter
from . import choices
from .completion import chunks, completion
from .fallbacks import Fallbacks
from .foreign import Reading
from .limiter import Gates
from .messages import check_conversation
from .policy import honour, leave_out, place_of


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for: choices, tokens over all its choices, and tools or functions."""

    choices: int = 128
    tokens: int = 1 << 20
    tools: int = 128


@dataclass(slots=True)
class Call:
    """A request that can be answered: the model, what the engine gets, how many choices, what is not honoured.

    ``warns``: what the engine alone finds out that it cannot honour is left out too, and joins ``ignored`` before the
    answer begins. The names in ``ignored`` are percent-encoded where they are not plain: a document may leave it to
    clients how they call a field, and the names go into a header and the log. ``body`` and ``client`` are what it was
    made of. ``instead_of`` is the id of the model that was asked, once another one answers for it.
    """

    model: Model
    request: Json
    n: int
    ignored: list[str]
    warns: bool
    body: Json
    client: str | None
    instead_of: str | None = None

    @property
    def asks_once(self) -> bool:
        """Whether one call of the engine gives all the choices."""
        return self.n == 1 or self.model.makes_choices


class Chat:
    """Answers chat completions by an engine.

    ``policy`` says what happens to a parameter that a model without a policy of its own cannot honour: ``refuse`` or
    ``warn``. ``read`` is how requests are read that came in under the contract of another author (`app.chat.foreign`).
    ``gates`` keep load off the models.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        policy: str = "refuse",
        limits: Limits | None = None,
        read: Reading | None = None,
        gates: Gates | None = None,
    ) -> None:
        self.engine = engine
        self.read = read
        self.policy = policy
        self.limits = limits or Limits()
        self.gates = gates or Gates()
        self._names: dict[str, Model] = {}

    @property
    def models(self) -> dict[str, Model]:
        """The models by all of their names, each id before its aliases.

        Raises:
            EngineUnavailable: it is not known yet which there are.
        """
        models = self.engine.models
        if not models:
            raise EngineUnavailable("The models of this server are not known yet. Retry in a moment.")
        return {name: model for model in models for name in (model.id, *model.aliases)}

    def model(self, name: str) -> Model:
        """The model with an id or an alias.

        Raises:
            ModelNotFound: there is none.
            EngineUnavailable: it is not known yet which there are.
        """
        found = self._names.get(name)
        if found is None:
            self._names = self.models
            found = self._names.get(name)
        if found is None:
            served = ", ".join(map(repr, self._names))
            raise ModelNotFound(f"This server has no such model. It serves: {served}.", param="model")
        return found

    def prepare(self, body: Json, log: Json, client: str | None = None) -> Call:
        """What a valid request comes down to. ``client`` is the short name of the key that it came with.

        Raises:
            ModelNotFound: there is no such model.
            BadRequest: the messages make no conversation, a limit is passed, or a parameter is not supported.
        """
        if self.read is not None:
            body = self.read(body)
        model = self.model(body["model"])
        log["model"] = model.id
        self._refuse_many_tools(body)
        for name in ("user", "safety_identifier"):
            if body.get(name) is not None:
                log[name] = sha256(body[name].encode()).hexdigest()[:8]
        _refuse_options_of_no_stream(body)
        check_conversation(body["messages"])
        return self._call(model, body, client, log)

    def _call(self, model: Model, body: Json, client: str | None, log: Json) -> Call:
        policy = model.unsupported or self.policy
        request, unsupported = honour(body, model, policy=policy)
        ignored: list[str] = []
        _tell(unsupported, ignored, log)
        request = {name: _plain(value) for name, value in request.items()}
        request["model"] = model.id
        if "prompt_cache_key" in request:
            # Another client's key of the same name is another key: it must not tell what this one's requests were.
            request["prompt_cache_key"] = sha256(f"{client}\0{request['prompt_cache_key']}".encode()).hexdigest()
        if "max_tokens" in request and "max_completion_tokens" in request:
            # Two limits of the same thing: the lower one keeps both.
            request["max_completion_tokens"] = min(request.pop("max_tokens"), request["max_completion_tokens"])
        return Call(model, request, self._choices(request, model), ignored, policy == "warn", body, client)

    def _refuse_many_tools(self, body: Json) -> None:
        for name in ("tools", "functions"):
            if len(body.get(name) or ()) > self.limits.tools:
                raise BadRequest(
                    f"Invalid value for '{name}': this server takes at most {self.limits.tools} for a request.",
                    param=name,
                    code="array_above_max_length",
                )

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
        """The completion. Where another model answers instead, the call becomes that one's.

        Raises:
            ApiError: the engine refuses the request or cannot answer.
        """
        fallbacks = Fallbacks(self._call, self.model, call, log)
        while True:
            try:
                async with self.gates.of(call.model.id).place(call.n):
                    return await self._answer(call, log)
            except ApiError as error:
                fallbacks.next(error)

    async def _answer(self, call: Call, log: Json) -> Json:
        request, raw = call.request, None
        while raw is None:
            try:
                raw = await self._complete(request, call)
            except UnsupportedParameter as error:
                request = _smaller(request, error, call, log)
        answer = completion(raw, call.model, metadata=call.request.get("metadata"))
        if "usage" in answer:
            log["tokens"] = answer["usage"]["total_tokens"]
        return answer

    def stream(self, call: Call, log: Json) -> AsyncIterator[Json]:
        """The chunks of the completion; raises as `complete` does, also between chunks."""
        return self._first_that_begins(call, log) if call.model.fallbacks else self._chunks(call, log)

    async def _first_that_begins(self, call: Call, log: Json) -> AsyncIterator[Json]:
        fallbacks = Fallbacks(self._call, self.model, call, log)
        begun = False
        while not begun:
            try:
                async with aclosing(cast(Any, self._chunks(call, log))) as each:
                    async for chunk in each:
                        begun = True
                        yield chunk
            except ApiError as error:
                if begun:
                    raise
                fallbacks.next(error)

    def _chunks(self, call: Call, log: Json) -> AsyncIterator[Json]:
        options = call.request.get("stream_options", {})
        return chunks(
            self._lenient(call, log) if call.warns else self._stream(call.request, call),
            call.model,
            include_usage=bool(options.get("include_usage")),
            obfuscate=bool(options.get("include_obfuscation")),
            log=log,
            place=self.gates.of(call.model.id).place(call.n),
        )

    def may_be_foreign(self, call: Call) -> bool:
        """Whether another server may make the answer."""
        return call.model.foreign or any(self.model(other).foreign for other in call.model.fallbacks)

    async def _lenient(self, call: Call, log: Json) -> AsyncIterator[Json]:
        request, begun = call.request, False
        while True:
            try:
                async with aclosing(cast(Any, self._stream(request, call))) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
                return
            except UnsupportedParameter as error:
                if begun:
                    raise
                request = _smaller(request, error, call, log)

    async def _complete(self, request: Json, call: Call) -> Json:
        if call.asks_once:
            return await self.engine.complete(request)
        return await choices.complete(self.engine, request, call.n)

    def _stream(self, request: Json, call: Call) -> AsyncIterator[Json]:
        return self.engine.stream(request) if call.asks_once else choices.stream(self.engine, request, call.n)


def _refuse_options_of_no_stream(body: Json) -> None:
    if not body.get("stream") and any((body.get("stream_options") or {}).values()):
        raise BadRequest(
            "Invalid value for 'stream_options': they are for streams; set 'stream', or leave them out.",
            param="stream_options",
            code="invalid_value",
        )


def _smaller(request: Json, error: UnsupportedParameter, call: Call, log: Json) -> Json:
    """The request without what its engine refused; where that cannot be, the error is raised."""
    place = place_of(error.param, request) if call.warns and error.param else None
    if place is None:
        raise error
    smaller, names = leave_out(request, [place], after=call.ignored)
    _tell(names, call.ignored, log)
    return smaller


def _tell(names: list[str], ignored: list[str], log: Json) -> None:
    ignored += [quote(name, safe="[].") for name in names]
    if ignored:
        log["ignored"] = ",".join(ignored)[:500]


def _plain(value: Any) -> Any:
    # To JSON Schema 2.0 is an integer, and so it is to the engines.
    return int(value) if isinstance(value, float) and value.is_integer() else value
