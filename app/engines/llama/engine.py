"""The engine that ships with the server: llama.cpp in the model process, over its private socket.

It gives llama.cpp the defaults of the API, and puts together what its requests, answers, formats, tools and log
probabilities need, each of which has a module of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

from ...errors import ContextLengthExceeded
from ...model_process import slots as llama_slots
from ..base import Json, Model
from ..constraints import binding as llama_binding
from ..constraints import calls as llama_calls
from ..constraints import format as llama_format
from ..constraints import tools as llama_tools
from ..constraints.binding import Binding
from ..constraints.calls import Found
from ..constraints.choice import chosen
from ..constraints.limits import LARGEST_TOGETHER
from ..constraints.schema import Schema
from ..constraints.tools import Tools
from ..dialects.llama_cpp import logprobs as llama_logprobs
from ..dialects.llama_cpp.pieces import cut, pieces_of
from ..dialects.llama_cpp.request import translate
from ..media.media import in_messages
from .process import ModelProcess, address_from_environment
from .reasoning import Reasoning, find_out

# No vocabulary has tokens of more characters.
_LONGEST_TOKEN = 512

# How many schemas that llama.cpp understood are remembered.
_UNDERSTOOD = 1024

# What llama.cpp can be made to do, in the words of the parameter table.
CAPABILITIES = frozenset(
    {"sampling", "seed", "stop", "length", "max_tokens", "penalties", "logit_bias"}
    | {"logprobs", "response_format", "tools", "custom_tools", "functions", "prompt_cache_key"}
)


class LlamaEngine:
    """Completions from the model process.

    ``context_length`` is in tokens, for prompt and answer together; ``address``, ``in_flight`` and ``slots`` are those
    of a `ModelProcess`. ``max_schemas`` is how many characters the schemas and grammars of a request's tools may have
    together, and the schema of its response format.
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
    ) -> None:
        self._model = model
        self._context_length = context_length
        self._process = ModelProcess(address, in_flight, slots)
        self._max_schemas = max_schemas
        self._understood: set[bytes] = set()
        self._reasoning: Reasoning | None = None

    @property
    def models(self) -> tuple[Model, ...]:
        return (self._model,)

    async def start(self) -> None:
        """As `ModelProcess.start`."""
        await self._process.start()

    async def close(self) -> None:
        await self._process.close()

    async def ready(self) -> bool:
        """Whether the model is loaded and answers, found out within a second."""
        return await self._process.ready()

    async def complete(self, request: Json) -> Json:
        """As `base.Engine.complete`.

        Reads llama.cpp's stream, for llama.cpp finishes an answer that is not streamed even when its reader
        is gone.
        """
        content: list[str] = []
        reasoning: list[str] = []
        deltas: list[Json] = []
        entries: list[Json] = []
        finish_reason = "stop"
        usage: Json = {}
        async with contextlib.aclosing(self.stream(request)) as pieces:
            async for piece in pieces:
                usage = piece.get("usage", usage)
                for choice in piece["choices"]:
                    delta = choice["delta"]
                    deltas.append(delta)
                    content.append(delta.get("content", ""))
                    reasoning.append(delta.get("reasoning_content", ""))
                    entries += (choice.get("logprobs") or {}).get("content", ())
                    finish_reason = choice["finish_reason"] or finish_reason
        calls = llama_calls.message_of(deltas)
        message: Json = {"content": "".join(content) or (None if calls else ""), **calls}
        if any(reasoning):
            message["reasoning_content"] = "".join(reasoning)
        answer: Json = {"index": 0, "message": message, "finish_reason": finish_reason}
        if llama_logprobs.asked(request) is not None:
            answer["logprobs"] = llama_logprobs.joined(entries)
        return {"choices": [answer], "usage": usage}

    async def stream(self, request: Json) -> AsyncGenerator[Json, None]:
        """As `base.Engine.stream`; the last piece has no choices and carries the usage."""
        alternatives = llama_logprobs.asked(request)
        form = llama_format.asked(request, most=self._max_schemas)
        tools = llama_tools.asked(request, most=self._max_schemas)
        vocabulary_size = await self._process.read_vocabulary_size() if request.get("logit_bias") else None
        self._refuse_hopeless(request["messages"])
        translation = partial(translate, request, context_length=self._context_length, vocabulary_size=vocabulary_size)
        # Megabytes of base64 are read beside the event loop.
        payload = await asyncio.to_thread(translation) if in_messages(request["messages"]) else translation()
        # llama.cpp cannot answer with no token at all: it makes one, and nobody sees it.
        silent = payload["max_tokens"] == 0
        if silent:
            payload["max_tokens"] = 1
        ask = partial(self._ask, request, payload, [] if tools is None else tools.shown, silent)
        if tools is None or tools.must:
            pieces = await ask(tools, form if tools is None else None)
        elif form is None and not tools.have_grammars:
            pieces = await ask(tools, None)
        else:
            _, found = await self._plan(tools, None, alternatives)
            pieces = await chosen(ask, tools, form, again=found is Found.PARSED)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _ask(
        self,
        request: Json,
        payload: Json,
        shown: list[Json],
        silent: bool,
        tools: Tools | None,
        form: Schema | None,
        *,
        thoughts: bool = True,
    ) -> AsyncGenerator[Json, None]:
        """As `llama_choice.Ask`."""
        alternatives = llama_logprobs.asked(request)
        reasoning = await self._find_out()
        # For what the answer is bound from its first token on, or may have to be.
        bound = "response_format" if form is not None or not thoughts else None
        if tools is not None and tools.must:
            bound = tools.param
        told = reasoning.payload(self._wishes(request), context_length=self._context_length, bound=bound)
        payload = {**payload, **told}
        binding, found = await self._plan(tools, form, alternatives)
        if binding is not None:
            await self._bind(payload, binding)
            if bound is not None and payload["chat_template_kwargs"].get("enable_thinking"):
                payload["grammar"] = reasoning.grammar(payload["grammar"])
        elif tools is not None:
            payload.update(tools.payload())
        if shown:
            # The template has the tools from here, whatever llama.cpp makes of the others.
            payload["chat_template_kwargs"]["tools"] = shown
        stops: list[str] = payload["stop"]
        wish = llama_slots.wish(request)
        # llama.cpp would end an answer at a stop sequence in its thoughts.
        own_stops = alternatives is not None or "reasoning" in self._model.capabilities
        if stops and own_stops and "tools" not in payload:
            pieces = cut(self._process, payload, alternatives, silent=silent, wish=wish)
        else:
            pieces = pieces_of(self._process, payload, alternatives, silent=silent, wish=wish)
        if tools is not None:
            return llama_calls.called(pieces, tools, found, may_stop=bool(stops))
        if form is not None:
            return llama_format.checked(pieces, form, may_stop=bool(stops))
        return pieces

    async def _plan(
        self, tools: Tools | None, form: Schema | None, alternatives: int | None
    ) -> tuple[Binding | None, Found]:
        """What binds the answer, and where its calls will be."""
        if tools is None:
            return (None if form is None else llama_binding.to_schema(form)), Found.PARSED
        if tools.must:
            marked = await self._process.marks_calls()
            return llama_binding.to_calls(tools, marked=marked), Found.EVERYWHERE
        # llama.cpp's parser knows many forms of calls, but no grammars and little of schemas, and gives log
        # probabilities only once the answer is whole.
        wanted = tools.are_strict or alternatives is not None
        if wanted and not tools.are_large and await self._process.marks_calls():
            return llama_binding.to_words_or_calls(tools), Found.AT_MARK
        return None, Found.PARSED

    async def _bind(self, payload: Json, binding: Binding) -> None:
        """Bind the whole answer, once llama.cpp has shown that it understands by what."""
        if not await self._understands(binding):
            for part in binding.parts:  # which of them is it?
                if not await self._understands(part):
                    raise part.refuse()
            raise binding.refuse()
        payload["grammar"] = binding.grammar

    async def _understands(self, binding: Binding) -> bool:
        key = hashlib.blake2b(binding.trial.encode()).digest()
        if key not in self._understood:
            trial = {"prompt": "a", "n_predict": 1, "temperature": 0, "grammar": binding.trial}
            answer = await self._process.complete_text(trial)
            if answer.get("content") != llama_binding.PROOF:
                return False
            if len(self._understood) >= _UNDERSTOOD:
                self._understood.clear()
            self._understood.add(key)
        return True

    def _wishes(self, request: Json) -> Json:
        """What a request says of thinking, without what a model hears nothing of: it asks for what happens anyway."""
        needs = {"reasoning_effort": "reasoning", "verbosity": "verbosity"}
        return {name: request.get(name) for name, needed in needs.items() if needed in self._model.capabilities}

    async def _find_out(self) -> Reasoning:
        """What the model can be told about thinking: asked once, and only of one whose template knows of it."""
        if self._reasoning is None:
            knows = self._model.capabilities & {"reasoning", "verbosity"}
            self._reasoning = await find_out(self._process.render, self._process.answer) if knows else Reasoning()
        return self._reasoning

    def _refuse_hopeless(self, messages: list[Json]) -> None:
        """Refuse what cannot fit the context, whatever the tokens, before llama.cpp spends seconds on finding out: each
        message takes a token at least, and no vocabulary has tokens of more than `_LONGEST_TOKEN` characters."""
        most = self._context_length * _LONGEST_TOKEN
        if len(messages) > self._context_length or sum(_length(message.get("content")) for message in messages) > most:
            raise ContextLengthExceeded(
                f"This model's context holds {self._context_length} tokens, and the messages take more. "
                "Shorten the messages.",
                param="messages",
            )


def _length(content: Any) -> int:
    if isinstance(content, str):
        return len(content)
    return sum(len(part.get("text") or "") for part in content or ())
