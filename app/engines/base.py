"""The engine contract: an engine turns a request into choices, as a whole answer or as a stream of deltas.

An engine works in two steps. `Engine.prepare` runs every check and refuses whatever must be refused. The plan that it
returns can stream a choice any number of times. Engines use the shapes of the chat-completions API but not its identity
fields: `app.chat` adds id, created, model and fingerprint. They know nothing about HTTP on our side, API keys, or the
OpenAPI document.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypedDict

from ..errors import UnsupportedParameter
from ..jsontypes import Json

# Capabilities that reasoning models do not support: they sample in their own way, and they also count hidden tokens,
# which is what `max_completion_tokens` is for. Source: OpenAI's guide to reasoning models.
REASONING_MODELS_LACK = frozenset({"sampling", "penalties", "logit_bias", "logprobs", "max_tokens"})


# The operations that a model may support, as named in a configuration.
CHAT, COMPLETIONS, EMBEDDINGS = "chat", "completions", "embeddings"
OPERATIONS = frozenset({CHAT, COMPLETIONS, EMBEDDINGS})


def reasoning_model(capabilities: frozenset[str]) -> frozenset[str]:
    """Return the capabilities that remain for an engine whose model reasons."""
    return capabilities - REASONING_MODELS_LACK


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a token of a prompt, of one that was cached, and of an answer, in billionths of the operator's
    currency."""

    prompt: float = 0.0
    cached: float = 0.0
    completion: float = 0.0

    def of(self, prompt: int, completion: int, cached: int = 0) -> int:
        """Return the cost of an answer, in billionths; ``cached`` tokens are a part of the ``prompt``."""
        return round((prompt - cached) * self.prompt + cached * self.cached + completion * self.completion)


FREE = Price()


@dataclass(frozen=True, slots=True)
class Model:
    """A model that an engine serves.

    ``created`` is in Unix seconds. ``capabilities`` are the names that the parameter tables require. ``operations``, a
    subset of `OPERATIONS`, are what requests may use it for: its engine is a `TextEngine` if it completes texts, and an
    `EmbeddingEngine` if it makes embeddings.
    ``fingerprint`` changes whenever the same seed may give a different text. ``context_length`` is in tokens, for
    prompt and answer together. ``unsupported`` is the model's own policy for parameters that it cannot honour,
    ``refuse`` or ``warn``; None: the server's policy. ``extra_parameters`` are parameter names beyond the API that the
    operator lets through to the engine. ``makes_choices``: one stream of the engine has all ``n`` choices. ``foreign``:
    another server generates the answers and is at fault if they break the contract. ``aliases`` are further names for
    the model in requests. ``fallbacks`` are ids of models that answer instead, in this order, while it cannot;
    ``fallbacks_by_capability``: also when it cannot honour a parameter that one of them honours. ``knows_length``:
    ``context_length`` is known, not assumed. ``assumed_answer``: the assumed number of tokens of a choice if a request
    sets no limit; None: the whole context. ``more_context``: additional text of the error for a conversation that does
    not fit. ``variants``: the model runs on servers of several kinds; there is one variant for each, and its own
    capabilities are the union.
    ``upstream`` is the address at which its answers are made, without a path; empty: on this machine. ``price`` is what
    its tokens cost. ``meet`` waits a short time until its capabilities are known; None: they are known.
    """

    id: str
    created: int
    owned_by: str
    fingerprint: str
    capabilities: frozenset[str] = field(default_factory=frozenset)
    context_length: int = 8192
    unsupported: str | None = None
    extra_parameters: frozenset[str] = field(default_factory=frozenset)
    makes_choices: bool = False
    foreign: bool = False
    aliases: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    fallbacks_by_capability: bool = False
    knows_length: bool = True
    assumed_answer: int | None = None
    more_context: str = ""
    variants: tuple[Model, ...] = ()
    meet: Callable[[], Awaitable[None]] | None = None
    upstream: str = ""
    price: Price = FREE
    operations: frozenset[str] = frozenset({CHAT})


class FunctionCall(TypedDict, total=False):
    """The body of a call; in a delta ``arguments`` is the next part of the JSON text."""

    name: str
    arguments: str


class CustomCall(TypedDict, total=False):
    """The body of a custom tool's call; in a delta ``input`` is the next part of the text."""

    name: str
    input: str


class ToolCall(TypedDict, total=False):
    """A tool call. Only deltas have ``index``; the first delta of a call has its id, type and name."""

    index: int
    id: str
    type: str
    function: FunctionCall
    custom: CustomCall


class Message(TypedDict, total=False):
    """The members of a choice's message, or what a delta adds to them."""

    content: str | None
    refusal: str
    tool_calls: list[ToolCall]
    function_call: FunctionCall
    reasoning_content: str
    annotations: list[Json]
    audio: Json


class TokenLogprob(TypedDict, total=False):
    """A token and its log probability, a finite number. An alternative has no ``top_logprobs`` of its own."""

    token: str
    logprob: float
    bytes: list[int] | None
    top_logprobs: list[TokenLogprob]


class Logprobs(TypedDict):
    """The log probabilities of a choice, or of the part that a delta adds."""

    content: list[TokenLogprob] | None
    refusal: list[TokenLogprob] | None


class PromptDetails(TypedDict):
    """Subsets of the prompt's tokens."""

    cached_tokens: int
    audio_tokens: int


class CompletionDetails(TypedDict):
    """Subsets of the answer's tokens."""

    reasoning_tokens: int
    audio_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int


class Usage(TypedDict):
    """The usage of an answer, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class Facts(TypedDict, total=False):
    """Facts about an answer as a whole. An engine omits the usage only if it cannot know it, and sets the other members
    only if it knows better than the domain. A ``service_tier`` of null is a tier that the API has no name for."""

    usage: Usage
    service_tier: str | None
    system_fingerprint: str
    moderation: Json


@dataclass(slots=True)
class Delta:
    """What a stream adds to the choice with the number ``index``."""

    index: int
    message: Message
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


@dataclass(slots=True)
class Choice:
    """A finished choice."""

    index: int
    message: Message
    finish_reason: str
    logprobs: Logprobs | None = None


@dataclass(slots=True)
class Completion:
    """A whole answer."""

    choices: list[Choice]
    facts: Facts


def usage_of(prompt: int, completion: int, *, cached: int = 0, reasoning: int = 0) -> Usage:
    """Return the usage of an answer, all numbers in tokens; what is not counted separately is zero."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


# Decides about a parameter that an engine cannot honour: it raises the error, or returns, and then the engine continues
# as if the parameter had been omitted. The error names a top-level parameter of the request.
Refuse = Callable[[UnsupportedParameter], None]


def without_refused(request: Json, errors: Iterable[UnsupportedParameter], refuse: Refuse) -> Json:
    """Return the request without the parameters that the errors name, if ``refuse`` lets the errors pass."""
    for error in errors:
        refuse(error)
        request = {name: value for name, value in request.items() if name != error.param}
    return request


# The items of a stream.
StreamItem = Delta | Facts
Deltas = AsyncGenerator[StreamItem, None]


class Plan(Protocol):
    """A request that an engine has accepted. ``choice`` is the number of a choice, from 0. If the request has a seed,
    each choice has its own seed derived from it. If the model makes its choices itself, one call returns all."""

    def stream(self, choice: int = 0) -> Deltas:
        """Stream the answer as deltas and facts. Every choice is finished exactly once, and the usage is the last of
        the facts. If the request asks for it, the usage up to and including a delta comes before that delta.

        Closing the stream stops the generation.

        Raises:
            ApiError: before or between deltas; a stream never ends early without an error.
        """
        ...

    async def complete(self, choice: int = 0) -> Completion:
        """Return the whole answer. Cancelling the call stops the generation.

        Raises:
            ApiError: the engine cannot answer now.
        """
        ...


class Engine(Protocol):
    """The contract between the domain and whatever generates text."""

    @property
    def models(self) -> tuple[Model, ...]:
        """The models served, at least one."""
        ...

    async def start(self) -> None:
        """Called once on the event loop of each worker before the first request."""
        ...

    async def close(self) -> None:
        """Called once when the worker ends; safe without a prior `start`."""
        ...

    async def ready(self) -> bool:
        """Whether a request could be answered now."""
        ...

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        """Do all work that does not depend on the choice. ``request`` is the validated body without the parameters that
        were null, checked by `app.chat.combinations`; the engine applies the API's defaults, not its own.
        ``client`` is the short name of the API key that sent the request, None if the server requires no key.

        Raises:
            ApiError: the engine refuses the request or is not available now.
        """
        ...


class TextEngine(Engine, Protocol):
    """An engine with models that complete texts."""

    async def prepare_text(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        """As `Engine.prepare`, for a completion request with one ``prompt``, which is a text or token ids.

        The plan's deltas have the text as content, and log probabilities in the form of a chat. If the request has
        ``echo``, the prompt is the first delta of each choice; the domain removes ``echo`` if it knows the prompt's
        text and does not need its log probabilities.
        """
        ...


@dataclass(slots=True)
class Embedded:
    """The vectors of a request's texts, in the same order, each as numbers or as little-endian 32-bit floats, and the
    total number of ``tokens`` in the texts."""

    vectors: list[Sequence[float] | bytes]
    tokens: int


class EmbeddingEngine(Engine, Protocol):
    """An engine with models that make embeddings."""

    async def embed(self, request: Json, refuse: Refuse, client: str | None = None) -> Embedded:
        """Return the vectors for a validated request without the parameters that were null. Cancelling stops the work.

        Raises:
            ApiError: the engine refuses the request or cannot answer now.
        """
        ...
