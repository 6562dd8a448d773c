"""What an engine is: something that turns a request into a completion, whole or in pieces.

An engine speaks the shapes of the chat-completions API and leaves identity to the domain: it gives choices and
usage; id, created, model and fingerprint are put on by `app.chat`. It knows nothing of HTTP on our side, of keys, or
of the document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]

# What models that reason before they answer do not take: they draw tokens in their own way, and count the hidden ones
# too, which `max_completion_tokens` is for. By OpenAI's guide to reasoning models.
REASONING_MODELS_LACK = frozenset({"sampling", "penalties", "logit_bias", "logprobs", "max_tokens"})


def reasoning_model(capabilities: frozenset[str]) -> frozenset[str]:
    """The capabilities that are left to an engine whose model reasons."""
    return capabilities - REASONING_MODELS_LACK


@dataclass(frozen=True, slots=True)
class Model:
    """A model that an engine serves.

    ``created`` is in Unix seconds. ``capabilities`` are the names that the parameter table asks for.
    ``fingerprint`` changes whenever the same seed may give another text. ``context_length`` is in tokens, for prompt
    and answer together. ``unsupported`` is the model's own policy about parameters that it cannot honour, ``refuse``
    or ``warn``; None: the server's. ``extra_parameters`` are names beyond the API's that the operator lets through to
    the engine. ``makes_choices``: the engine makes ``n`` choices itself, and is asked once. ``foreign``: the answers
    are another server's, whose fault it is when they break the contract. ``aliases`` are further names by which
    requests may ask for it. ``fallbacks`` are ids of models that answer instead, in this order, while it cannot.
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


class Engine(Protocol):
    """The contract between the domain and whatever generates text.

    ``request`` is the request body as validated, without the parameters that were null; the engine applies the
    defaults of the API, not its own.
    """

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

    async def complete(self, request: Json) -> Json:
        """Answer as a whole: ``{"choices": [{"index", "message": {"content", ...}, "finish_reason"}], "usage"}``, and
        what the engine alone knows of it: ``service_tier``, ``system_fingerprint``, ``moderation``. Only an engine that
        cannot know it leaves the usage out.

        Cancelling the call stops the generation.

        Raises:
            ApiError: the engine refused the request or cannot answer now.
        """
        ...

    def stream(self, request: Json) -> AsyncIterator[Json]:
        """Answer in pieces: ``{"choices": [{"index", "delta": {...}, "finish_reason"}]}``, with ``usage`` on one of
        them or on a last piece without choices, and on the first what else `complete` tells.

        An async generator: closing it stops the generation. Nothing is yielded before the engine has accepted the
        request, so what is raised before the first piece can still be an HTTP error.

        Raises:
            ApiError: before or between pieces; a stream never ends early without one.
        """
        ...
