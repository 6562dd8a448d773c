"""The chat domain as one object: which models exist, and how one of them answers a request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from hashlib import sha256

from ..accounts import Account
from ..contract.faults import Validator
from ..engines.base import Completion, Deltas, Engine, Model
from ..errors import ApiError, BadRequest, ContextLengthExceeded, EngineUnavailable, ModelNotFound, UnsupportedParameter
from ..jsontypes import Json
from ..keeping import Keeping
from . import choices
from .call import Call
from .combinations import check_combinations, refuse_options_of_no_stream
from .completion import ChunkWriter, completion
from .fallbacks import Fallbacks
from .foreign import Reading
from .limiter import Limiters
from .limits import Limits
from .messages import check_conversation
from .nulls import without_nulls
from .policy import best_variant, honour
from .recording import kept_whole, recorded
from .tables import CHAT, STORING, check_operation

_COUNTS = "continuous_usage_stats"


class Chat:
    """Answers chat completions with an engine.

    ``policy`` says how to handle a parameter that a model without a policy of its own cannot honour: ``refuse`` or
    ``warn``. ``read`` reads requests that came in under another author's contract (`app.chat.foreign`). ``limiters``
    limit the load on the models. ``keeping`` stores completions; None: nothing does.
    """

    # Other operations are subclasses. They override what differs: the table of parameters, `_check` (validates the
    # request), `_complete_request` (makes the engine's request), and how answers are requested and built.
    table = CHAT
    writer: type[ChunkWriter] = ChunkWriter

    def __init__(
        self,
        engine: Engine,
        *,
        policy: str = "refuse",
        limits: Limits | None = None,
        read: Reading | None = None,
        limiters: Limiters | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        self.engine = engine
        self.keeping = keeping
        if keeping is not None:
            self.table = STORING
        self.read = read
        self.policy = policy
        self.limits = limits or Limits()
        self.limiters = limiters or Limiters()
        self._models: tuple[Model, ...] = ()
        self._names: dict[str, Model] = {}

    def fit(self, validator: Validator) -> None:
        """Adapt whole answers to another author's document, whose validator this is. Chat answers need no change."""

    @property
    def models(self) -> dict[str, Model]:
        """The models by all of their names, each id before its aliases.

        Raises:
            EngineUnavailable: the list of models is not known yet.
        """
        models = self.engine.models
        if not models:
            raise EngineUnavailable("The models of this server are not known yet. Retry in a moment.")
        return {name: model for model in models for name in (model.id, *model.aliases)}

    def model(self, name: str, account: Account | None = None) -> Model:
        """The model with an id or an alias. With an ``account``, an error names only the models that its key may use.

        Raises:
            ModelNotFound: there is none.
            EngineUnavailable: the list of models is not known yet.
        """
        models = self.engine.models
        if models is not self._models or not models:
            self._names, self._models = self.models, models
        found = self._names.get(name)
        if found is None:
            usable = (other for other, model in self._names.items() if account is None or account.may_use(model.id))
            served = ", ".join(map(repr, usable)) or "none that this key may use"
            raise ModelNotFound(f"This server has no such model. It serves: {served}.", param="model")
        return found

    def policy_of(self, name: object, account: Account | None = None) -> str:
        """How a parameter that a model cannot honour is handled, by the name of the model; raises as `model`."""
        return (isinstance(name, str) and self.model(name, account).unsupported) or self.policy

    async def meet(self, name: str, account: Account | None = None) -> Model:
        """As `model`, after a short wait until it is known what the model and its fallbacks honour.

        Raises:
            ApiError: as `model`.
            Forbidden: the key of the account may not use the model.
        """
        model = self.model(name, account)
        if account is not None:
            account.check_model(model.id)
        if model.meet is None and not model.fallbacks:
            return model
        for each in (model, *map(self.model, model.fallbacks)):
            if each.meet is not None:
                await each.meet()
        return self.model(name, account)

    async def begin(
        self,
        body: Json,
        log: Json,
        account: Account | None = None,
        unknown: Sequence[str] = (),
        *,
        has_null: bool = True,
    ) -> Call:
        """As `prepare`, after it is known what the model honours; what the request may come to is reserved.
        ``unknown`` are the names of fields that the contract does not define and that were removed from the body: like
        other parameters, the policy refuses or names them. ``has_null`` is false if no value in the body is null.

        Raises:
            ApiError: as `prepare`, and as `Account.reserve`.
        """
        read = body if self.read is None else self.read(body)
        account = account or Account()
        account.tally.asked = read["model"]
        model = await self.meet(read["model"], account)
        call = self._prepare(model, read, log, account, unknown, has_null=has_null or read is not body)
        await account.reserve()
        return call

    def prepare(self, body: Json, log: Json, account: Account | None = None) -> Call:
        """The call for a valid request. ``account`` is the request's.

        Raises:
            ModelNotFound: there is no such model.
            Forbidden: the key may not use the model.
            BadRequest: the messages form no conversation, a limit is exceeded, or a parameter is not supported.
        """
        read = body if self.read is None else self.read(body)
        account = account or Account()
        model = self.model(read["model"], account)
        account.check_model(model.id)
        return self._prepare(model, read, log, account)

    def _prepare(
        self,
        model: Model,
        body: Json,
        log: Json,
        account: Account,
        unknown: Sequence[str] = (),
        *,
        has_null: bool = True,
    ) -> Call:
        if has_null:
            body = without_nulls(body)
        if unknown and (model.unsupported or self.policy) == "refuse":
            raise BadRequest(f"Unknown parameter: '{unknown[0]}'.", param=unknown[0], code="unknown_parameter")
        log["model"] = model.id
        for name in ("user", "safety_identifier"):
            if body.get(name) is not None:
                log[name] = sha256(body[name].encode()).hexdigest()[:8]
        self._check(body)
        call = self._able(model, body, account, log)
        if account.counts:
            call.estimate()
        if unknown:
            call.unknown = tuple(unknown)
            call.tell_ignored(unknown)
        return call

    def _check(self, body: Json) -> None:
        """Validate what does not depend on the model; raises as `prepare`."""
        self.limits.check_tools(body)
        refuse_options_of_no_stream(body)
        check_conversation(body["messages"])

    def _able(self, model: Model, body: Json, account: Account, log: Json) -> Call:
        """The call for the model, or for one of its fallbacks if the model cannot honour the request."""
        try:
            call = self._call(model, body, account, log)
        except UnsupportedParameter:
            instead = self._instead(model, body, account, log)
            if instead is None:
                raise
            return instead
        return (self._instead(model, body, account, log) if call.ignored else None) or call

    def _instead(self, model: Model, body: Json, account: Account, log: Json) -> Call | None:
        """The call for a fallback that honours all of the request, if fallback by capability is enabled; else None."""
        for index, name in enumerate(model.fallbacks if model.fallbacks_by_capability else (), 1):
            told: Json = {}
            try:
                call = self._call(self.model(name), body, account, told)
            except ApiError:
                continue
            if not call.ignored:
                call.log, call.instead_of, call.fallbacks = log, model.id, model.fallbacks[index:]
                log.pop("ignored", None)
                log.update(told, model=call.model.id, instead_of=model.id, because="unsupported_parameter")
                return call
        return None

    def _call(self, model: Model, body: Json, account: Account, log: Json) -> Call:
        account.check_model(model.id)
        model = best_variant(body, model, self.table)
        check_operation(model, self.table.operation)
        policy = model.unsupported or self.policy
        request, unsupported = honour(body, model, policy=policy, table=self.table)
        for name, value in request.items():
            if isinstance(value, float) and value.is_integer():
                request[name] = int(value)  # in JSON Schema 2.0 is an integer, so the engines get it as one
        request["model"] = model.id
        client = account.key
        n = self._complete_request(request, model, client)
        if not model.makes_choices:
            request.pop("n", None)  # the plan is run n times instead
        call = Call(model, request, n, [], policy == "warn", body, account, client, log, model.fallbacks, self.table)
        if unsupported:
            call.tell_ignored(unsupported)
        return call

    def _complete_request(self, request: Json, model: Model, client: str | None) -> int:
        """Change a request into what its engine gets, and return the number of choices; raises as `prepare`."""
        check_combinations(request)
        if "prompt_cache_key" in request:
            # Hashed with the client, so that another client's equal key cannot reveal what this client requested.
            request["prompt_cache_key"] = sha256(f"{client}\0{request['prompt_cache_key']}".encode()).hexdigest()
        if "max_tokens" in request and "max_completion_tokens" in request:
            # Both limit the same thing: the lower one satisfies both.
            request["max_completion_tokens"] = min(request.pop("max_tokens"), request["max_completion_tokens"])
        return self._choices(request, model)

    def _choices(self, request: Json, model: Model) -> int:
        n: int = request.get("n", 1)
        self.limits.check_choices(n, "n")
        limit = request.get("max_completion_tokens", request.get("max_tokens"))
        assumed = model.assumed_answer or model.context_length
        each = assumed if limit is None else min(limit, model.context_length)
        self.limits.check_tokens(n, each, "n", "ask for fewer choices, or set 'max_completion_tokens'")
        return n

    async def complete(self, call: Call) -> Json:
        """The completion. If another model answers instead, the call is switched to that model.

        Raises:
            ApiError: the engine refuses the request or cannot answer.
        """
        fallbacks = Fallbacks(self._call, self.model, call)
        while True:
            try:
                async with self.limiters.of(call.model.id).permit(call.n, call.client):
                    answer = await self._answer(call)
            except ApiError as error:
                await fallbacks.next(_advised(error, call.model))
                continue
            call.note(answer)
            return self._told(answer, call)

    async def _answer(self, call: Call) -> Completion:
        plan = await self.engine.prepare(call.request, call.refuse, call.client)
        return await (plan.complete() if call.asks_once else choices.complete(plan, call.n))

    def _told(self, answer: Completion, call: Call) -> Json:
        return completion(answer, call.model, metadata=call.request.get("metadata"))

    def stores(self, call: Call) -> bool:
        """Whether the completion of a call is stored."""
        return self.keeping is not None and bool(call.request.get("store"))

    async def keep(self, call: Call, answer: Json, body: bytes) -> None:
        """Store a whole answer, and return when it is committed. ``body`` is what the client gets.

        Raises:
            StoreUnavailable: the database cannot be used.
        """
        if self.keeping is not None:
            await self.keeping.completions.keep(kept_whole(call, answer, body))

    def stream(self, call: Call) -> AsyncGenerator[Json, None]:
        """The chunks of the completion; raises as `complete`, also between chunks. If the call asks for it, the
        completion is stored before the end."""
        chunks = self._chunks(call)
        return recorded(chunks, call, self.keeping) if self.keeping is not None and self.stores(call) else chunks

    async def _chunks(self, call: Call) -> AsyncGenerator[Json, None]:
        fallbacks = Fallbacks(self._call, self.model, call)
        begun, counts = False, call.account.counts
        while True:
            try:
                async with self.limiters.of(call.model.id).permit(call.n, call.client):
                    writer = self._writer(call)
                    async with aclosing(await self._deltas(call)) as deltas:
                        async for delta in deltas:
                            if counts:
                                call.note_delta(delta)
                            for chunk in writer.feed(delta):
                                begun = True
                                yield chunk
                    for chunk in writer.end():
                        yield chunk
            except ApiError as error:
                if begun:
                    raise
                await fallbacks.next(_advised(error, call.model))
                continue
            call.usage = writer.usage
            if writer.usage is not None:
                call.log["tokens"] = writer.usage["total_tokens"]
            return

    async def _deltas(self, call: Call) -> Deltas:
        plan = await self.engine.prepare(call.request, call.refuse, call.client)
        return plan.stream() if call.asks_once else choices.stream(plan, call.n, counts=call.option(_COUNTS))

    def _writer(self, call: Call) -> ChunkWriter:
        return self.writer(
            call.model,
            include_usage=call.option("include_usage"),
            counts=call.option(_COUNTS),
            obfuscate=call.option("include_obfuscation"),
        )

    def may_be_foreign(self, call: Call) -> bool:
        """Whether another server may produce the answer."""
        return call.model.foreign or any(self.model(other).foreign for other in call.model.fallbacks)


def _advised(error: ApiError, model: Model) -> ApiError:
    """The error; if the context is too long, with the model's advice about more context."""
    if isinstance(error, ContextLengthExceeded) and model.more_context:
        return ContextLengthExceeded(f"{error.message} {model.more_context}", param=error.param)
    return error
