"""The engine that ships with the server: llama.cpp in the model process, over its private socket.

This module prepares a request: it determines what to send to llama.cpp, in one way or in several ways among which the
model chooses, and the constraints of each answer. The llama.cpp dialect defines the format of requests and answers;
`app.engines.constraints` defines the constraints.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ...errors import BadRequest, ContextLengthExceeded
from ...jsontypes import Json
from ...model_process.address import address_from_environment
from ...model_process.slots import slot_request
from ...model_process.vocabulary import Vocabulary
from ..asked import Asked
from ..base import CHAT, COMPLETIONS, Model, Refuse
from ..constraints.format import schema_of
from ..constraints.limits import LARGEST_TOGETHER
from ..constraints.tools import tools_of
from ..constraints.trials import Trials
from ..dialects.llama_cpp.request import translate
from ..media.media import Media, in_messages
from .conversation import Conversation
from .frames import find_frame
from .local import LocalEngine
from .once import Once
from .plan import LlamaPlan
from .preparing import Preparation
from .process import ModelProcess
from .reasoning import Reasoning, find_out
from .texts import LONGEST_TOKEN, TextPlan, prepare_text
from .toolbox import shows_tools, with_tools

# Parts of messages that are not text.
_MEDIA = ("image_url", "input_audio")

# What llama.cpp supports, in the terms of the parameter table.
CAPABILITIES = frozenset(
    {"sampling", "seed", "stop", "length", "max_tokens", "penalties", "logit_bias"}
    | {"logprobs", "response_format", "tools", "custom_tools", "functions", "prompt_cache_key", "continuous_usage"}
    | {"token_prompts", "prompt_logprobs"}
)
OPERATIONS = frozenset({CHAT, COMPLETIONS})


class LlamaEngine(LocalEngine):
    """Completions from the model process.

    ``context_length`` is in tokens, for prompt and answer together; ``address``, ``in_flight`` and ``slots`` are those
    of a `ModelProcess`. ``max_schemas`` is the maximum number of characters of a request's tool schemas and grammars
    together, and also of its response format's schema. ``vocabulary`` is that of the model's file.
    """

    def __init__(
        self,
        model: Model,
        *,
        context_length: int,
        address: Callable[[], tuple[str, str]] = address_from_environment,
        in_flight: int = 128,
        slots: int = 0,
        max_schemas: int = LARGEST_TOGETHER,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        super().__init__(model, ModelProcess(address, in_flight, slots))
        self._context_length = context_length
        self._max_schemas = max_schemas
        self._vocabulary = vocabulary or Vocabulary()
        self._trials = Trials()
        self._conversation = Conversation(self._process.render)
        process = self._process
        knows = model.capabilities & {"reasoning", "verbosity"}
        # The model's reasoning options. Detected only for models whose template supports reasoning.
        self._reasoning = Once(partial(find_out, process.render, process.answer)) if knows else None
        # The text around the answers of a model whose template does not.
        self._frame = Once(partial(find_frame, process.render, {}, {}))
        self._shows_tools = Once(partial(shows_tools, process.render))

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> LlamaPlan:
        """As `base.Engine.prepare`."""
        form = schema_of(request, most=self._max_schemas)
        tools = await tools_of(request, most=self._max_schemas)
        if request.get("ignore_eos") and (form is not None or tools is not None):
            raise BadRequest(
                "'ignore_eos' cannot be combined with tools or a response format, because an answer that these "
                "constrain must end.",
                param="ignore_eos",
                code="invalid_value",
            )
        vocabulary_size = await self._process.read_vocabulary_size() if request.get("logit_bias") else None
        self._refuse_hopeless(request["messages"], tools.shown if tools is not None else [])
        # The constraints define everything else that the answer must fulfil.
        whole = Asked.of(request)
        asked = Asked(alternatives=whole.alternatives, counts=whole.counts)
        translation = partial(
            translate,
            request,
            asked,
            context_length=self._context_length,
            media=Media().translate,
            most_tokens=self._context_length,
            vocabulary_size=vocabulary_size,
        )
        # Megabytes of base64 are read in a thread, to keep the event loop free.
        payload = await asyncio.to_thread(translation) if in_messages(request["messages"]) else translation()
        shown = tools.shown if tools is not None else []
        taught = bool(shown) and not await self._shows_tools.get()
        if taught:
            payload["messages"] = with_tools(payload["messages"], shown)
        payload["messages"] = await self._conversation.fitted(payload["messages"], tools=bool(shown) and not taught)
        preparation = Preparation(
            process=self._process,
            trials=self._trials,
            reasoning=Reasoning() if self._reasoning is None else await self._reasoning.get(),
            find_frame=self._frame.get,
            vocabulary=self._vocabulary,
            capabilities=self._model.capabilities,
            context_length=self._context_length,
            request=request,
            asked=asked,
            payload=payload,
            taught=taught,
            slot=slot_request(request, client),
        )
        return await preparation.plan(tools, form, refuse)

    async def prepare_text(self, request: Json, refuse: Refuse, client: str | None = None) -> TextPlan:
        """As `base.TextEngine.prepare_text`."""
        return await prepare_text(self._process, request, self._context_length, client)

    def _refuse_hopeless(self, messages: list[Json], tools: list[Json]) -> None:
        """Refuse a request that cannot fit the context, however it is tokenized.

        llama.cpp would spend seconds and gigabytes to find that out. Each message takes at least one token, and no
        vocabulary has tokens of more than `LONGEST_TOKEN` characters. Everything that the model's template may render
        counts."""
        most = self._context_length * LONGEST_TOKEN
        if len(messages) > self._context_length or _characters(messages) + _characters(tools) > most:
            what = "messages and tools" if tools else "messages"
            raise ContextLengthExceeded(
                f"This model's context holds {self._context_length} tokens, and the {what} take more. "
                f"Shorten the {what}.",
                param="messages",
            )


def _characters(value: object) -> int:
    """Return the number of characters of all texts and names in a value. Images and audio count as none."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(name) + _characters(item) for name, item in value.items() if name not in _MEDIA)
    return sum(map(_characters, value)) if isinstance(value, list) else 0
