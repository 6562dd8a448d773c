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


@dataclass(frozen=True, slots=True)
class Model:
    """A model that an engine serves.

    ``created`` is in Unix seconds. ``capabilities`` are the names that the parameter table asks for.
    ``fingerprint`` changes whenever the same seed may give another text. ``context_length`` is in tokens, for prompt
    and answer together. ``makes_choices``: the engine makes ``n`` choices itself, and is asked once. ``foreign``:
    the answers are another server's, whose fault it is when they break the contract.
    """

    id: str
    created: int
    owned_by: str
    fingerprint: str
    capabilities: frozenset[str] = field(default_factory=frozenset)
    context_length: int = 8192
    makes_choices: bool = False
    foreign: bool = False


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
