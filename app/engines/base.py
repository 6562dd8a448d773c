"""What an engine is: something that turns a request into choices, whole or as a stream of deltas.

An engine is asked, then told: `Engine.prepare` checks all that can be checked and refuses all that is refused; the plan
that it gives streams a choice as often as it is told to. Engines speak the shapes of the chat-completions API and leave
identity to the domain: id, created, model and fingerprint are put on by `app.chat`. They know nothing of HTTP on our
side, of keys, or of the document.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypedDict

from ..errors import UnsupportedParameter
from ..jsontypes import Json

# What models that reason before they answer do not take: they draw tokens in their own way, and count the hidden ones
# too, which `max_completion_tokens` is for. By OpenAI's guide to reasoning models.
REASONING_MODELS_LACK = frozenset({"sampling", "penalties", "logit_bias", "logprobs", "max_tokens"})


# What a model may be asked for, in the words of a configuration.
CHAT, COMPLETIONS, EMBEDDINGS = "chat", "completions", "embeddings"
OPERATIONS = frozenset({CHAT, COMPLETIONS, EMBEDDINGS})


def reasoning_model(capabilities: frozenset[str]) -> frozenset[str]:
    """The capabilities that are left to an engine whose model reasons."""
    return capabilities - REASONING_MODELS_LACK


@dataclass(frozen=True, slots=True)
class Model:
    """A model that an engine serves.

    ``created`` is in Unix seconds. ``capabilities`` are the names that the parameter tables ask for. ``operations``, of
    `OPERATIONS`, are what it may be asked for: its engine is a `TextEngine` where it goes on with texts, and an
    `EmbeddingEngine` where it makes embeddings.
    ``fingerprint`` changes whenever the same seed may give another text. ``context_length`` is in tokens, for prompt
    and answer together. ``unsupported`` is the model's own policy about parameters that it cannot honour, ``refuse``
    or ``warn``; None: the server's. ``extra_parameters`` are names beyond the API's that the operator lets through to
    the engine. ``makes_choices``: one stream of the engine has all ``n`` choices. ``foreign``: the answers are another
    server's, whose fault it is when they break the contract. ``aliases`` are further names by which requests may ask
    for it. ``fallbacks`` are ids of models that answer instead, in this order, while it cannot;
    ``fallbacks_by_capability``: also where it cannot honour a parameter that one of them honours. ``knows_length``:
    ``context_length`` is known, not assumed. ``assumed_answer``: the tokens that a choice is taken to come to where a
    request sets no limit; None: the whole context. ``more_context``: what those are told besides whose conversation
    does not fit. ``variants``: it runs on servers of several kinds, these are the model on each, and its own
    capabilities those of all together. ``meet`` waits, not for long, until it is known what it honours; None: it is.
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
    """A call of a tool. ``index`` is there in deltas alone, where id, type and name come with a call's first one."""

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
    """The log probabilities of a choice, or of what a delta adds to it."""

    content: list[TokenLogprob] | None
    refusal: list[TokenLogprob] | None


class PromptDetails(TypedDict):
    """Parts of the prompt's tokens."""

    cached_tokens: int
    audio_tokens: int


class CompletionDetails(TypedDict):
    """Parts of the answer's tokens."""

    reasoning_tokens: int
    audio_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int


class Usage(TypedDict):
    """What an answer took, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class Facts(TypedDict, total=False):
    """What holds for an answer as a whole. Only an engine that cannot know it leaves the usage out; the others are
    told by engines that know better than the domain. A ``service_tier`` of null is one that the API has no name for."""

    usage: Usage
    service_tier: str | None
    system_fingerprint: str
    moderation: Json


@dataclass(slots=True)
class Delta:
    """What a stream adds to one choice, the one with the number ``index``."""

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
    """The usage of an answer, all numbers in tokens; what is not counted apart is zero."""
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


# What becomes of a parameter that an engine finds that it cannot honour: it raises the error, or returns, and the
# engine goes on as if the parameter had been left out. Such an error names a parameter at the top of the request.
Refuse = Callable[[UnsupportedParameter], None]


def without_refused(request: Json, errors: Iterable[UnsupportedParameter], refuse: Refuse) -> Json:
    """A request without the parameters of some errors, when ``refuse`` lets them pass."""
    for error in errors:
        refuse(error)
        request = {name: value for name, value in request.items() if name != error.param}
    return request


# What a stream gives, one by one.
StreamItem = Delta | Facts
Deltas = AsyncGenerator[StreamItem, None]


class Plan(Protocol):
    """A request that an engine has accepted. ``choice`` is the number of one, from 0: with a seed, each choice has a
    seed of its own that follows from it. Where the model makes its choices itself there is one call for all."""

    def stream(self, choice: int = 0) -> Deltas:
        """Answer in deltas, in which every choice is finished once, and facts, of which the usage comes last. Where the
        request asks for it, the usage so far also comes before each delta, with what that adds.

        Closing it stops the generation.

        Raises:
            ApiError: before or between deltas; a stream never ends early without one.
        """
        ...

    async def complete(self, choice: int = 0) -> Completion:
        """Answer as a whole. Cancelling the call stops the generation.

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
        """Called once when the worker ends; safe without a `start`."""
        ...

    async def ready(self) -> bool:
        """Whether a request could be answered now."""
        ...

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        """Do all that does not depend on the choice. ``request`` is the body as validated, without the parameters that
        were null, checked by `app.chat.combinations`; the engine applies the defaults of the API, not its own.
        ``client`` is the short name of the key whose request it is, None where no key is asked for.

        Raises:
            ApiError: the engine refuses the request or cannot be asked now.
        """
        ...


class TextEngine(Engine, Protocol):
    """An engine with models that go on with texts."""

    async def prepare_text(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        """As `Engine.prepare`, of a request for a completion with one ``prompt``, a text or the ids of its tokens.

        The plan's deltas have the text for content, and log probabilities as a chat has them. Where ``echo`` is in the
        request, the prompt is the first delta of each choice; the domain leaves it out where it knows the prompt's text
        and needs none of its log probabilities.
        """
        ...


@dataclass(slots=True)
class Embedded:
    """The vectors of a request's texts, in their order, each as numbers or as 32-bit floats, the low byte first; and
    the ``tokens`` that the texts have together."""

    vectors: list[Sequence[float] | bytes]
    tokens: int


class EmbeddingEngine(Engine, Protocol):
    """An engine with models that make embeddings."""

    async def embed(self, request: Json, refuse: Refuse, client: str | None = None) -> Embedded:
        """The vectors for a request, as validated, without the parameters that were null. Cancelling ends the work.

        Raises:
            ApiError: the engine refuses the request or cannot answer now.
        """
        ...
