"""Prepares a request for the model process: determines the constraints of its answer and the ways to request it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from ...jsontypes import Json
from ...model_process.slots import SlotRequest
from ...model_process.vocabulary import Vocabulary
from ..asked import Asked
from ..base import Refuse, without_refused
from ..constraints import binding as bindings
from ..constraints.binding import Binding
from ..constraints.calls import CallReader, Found
from ..constraints.format import FormatCheck
from ..constraints.schema import Schema
from ..constraints.tools import Tools
from ..constraints.trials import Trials
from ..dialects.llama_cpp.request import take_silence, take_stops
from .answer import Stage, Way, Written
from .frames import Frame
from .plan import LlamaPlan
from .process import ModelProcess
from .reasoning import Reasoning

_FORMAT = "response_format"


@dataclass(slots=True, kw_only=True)
class Preparation:
    """One request. ``payload`` is the part of llama.cpp's request that all ways share; ``asked`` says what to read
    from the answer; ``capabilities`` are those of the model. ``taught``: the messages describe the tools."""

    process: ModelProcess
    trials: Trials
    reasoning: Reasoning
    find_frame: Callable[[], Awaitable[Frame]]
    vocabulary: Vocabulary
    capabilities: frozenset[str]
    context_length: int
    request: Json
    asked: Asked
    payload: Json
    taught: bool
    slot: SlotRequest

    async def plan(self, tools: Tools | None, form: Schema | None, refuse: Refuse) -> LlamaPlan:
        """Return the plan of an answer that calls some of the tools, or else is in the format, if there is one.

        Raises:
            BadRequest: the answer cannot be constrained so.
            UnsupportedParameter: by ``refuse``.
        """
        if tools is None:
            binding = None if form is None else bindings.to_schema(form)
            self._leave_out(refuse, None if form is None else _FORMAT)
            return self._plan(await self._way(binding, None if form is None else _FORMAT, form=form))
        binding, found = await self._binding(tools)
        if tools.must:
            self._leave_out(refuse, tools.param)
            return self._plan(await self._way(binding, tools.param, tools=tools, found=found))
        # A call must be requested again if its arguments have a constraint that was not applied yet. If the schemas
        # are large, that would take too long.
        parsed = () if binding is not None else tools.callable.values()
        again = [
            tools.only(tool.name) for tool in parsed if tool.kind == "custom" or (tool.strict and not tools.are_large)
        ]
        kind = None if form is None else _FORMAT
        self._leave_out(refuse, tools.param if again else kind)
        plan = self._plan(await self._way(binding, kind, tools=tools, found=found, shown=tools))
        if form is not None:
            plan.in_format = await self._way(bindings.to_schema(form), _FORMAT, form=form, shown=tools)
        for only in again:
            (name,) = only.callable
            one, found = await self._binding(only)
            way = await self._way(one, only.param, tools=only, found=found)
            if form is None and way.written is not None:
                # The thoughts were sent before the call.
                way = replace(way, written=replace(way.written, budget=0))
            plan.calls[name] = way
        return plan

    def _plan(self, way: Way) -> LlamaPlan:
        return LlamaPlan(self.process, self.asked, self.request.get("seed"), self.slot, self.context_length, way)

    def _leave_out(self, refuse: Refuse, bound: str | None) -> None:
        """Remove reasoning parameters that the model does not support."""
        self.request = without_refused(self.request, self.reasoning.unsupported(self._effort(), bound), refuse)

    def _effort(self) -> Json:
        """Return the request's effort and verbosity, as far as the model supports them."""
        needs = {"reasoning_effort": "reasoning", "verbosity": "verbosity"}
        return {name: self.request.get(name) for name, needed in needs.items() if needed in self.capabilities}

    async def _binding(self, tools: Tools) -> tuple[Binding | None, Found]:
        """Return the constraint of an answer with calls, and where its calls will be."""
        if tools.must:
            marked = not self.vocabulary.cut and (self.taught or await self.process.marks_calls())
            return bindings.to_calls(tools, marked=marked), Found.EVERYWHERE
        # llama.cpp's parser knows many forms of calls, but no grammars and few schema keywords, and it returns log
        # probabilities only when the answer is complete.
        wanted = tools.are_strict or self.asked.alternatives is not None
        exact = not (tools.are_large or self.vocabulary.cut)
        if wanted and exact and (self.taught or await self.process.marks_calls()):
            return bindings.to_words_or_calls(tools), Found.AT_MARK
        return None, Found.AT_MARK if self.taught else Found.PARSED

    async def _way(
        self,
        binding: Binding | None,
        bound: str | None,
        *,
        tools: Tools | None = None,
        found: Found = Found.PARSED,
        form: Schema | None = None,
        shown: Tools | None = None,
    ) -> Way:
        """Return one way to request the answer. ``bound`` is the parameter because of which the answer is, or may have
        to be, constrained from its first token; ``shown`` are the tools that the template renders."""
        told = self.reasoning.payload(self._effort(), context_length=self.context_length, bound=bound)
        payload = {**self.payload, **told}
        written = None
        if binding is not None:
            await self._bind(payload, binding)
            if found is not Found.AT_MARK:
                written = await self._written(payload["max_tokens"])
        elif tools is not None and found is Found.PARSED:
            payload.update(tools.payload())
        shown = shown or tools
        if shown is not None and shown.shown and not self.taught:
            # The template gets the tools from here, whatever llama.cpp does with its own list.
            payload["chat_template_kwargs"] = {**payload["chat_template_kwargs"], "tools": shown.shown}
        may_stop = bool(payload["stop"])
        silent, stops = take_silence(payload), take_stops(payload)
        stage: Callable[[], Stage] | None = None
        if tools is not None:
            stage = partial(
                CallReader, tools, found, may_stop=may_stop, bound=binding is not None, quoted=self.vocabulary.cut
            )
        elif form is not None:
            stage = partial(FormatCheck, form, may_stop=may_stop)
        return Way(payload, silent, stops, stage, written, None if binding is None else binding.refuse())

    async def _bind(self, payload: Json, binding: Binding) -> None:
        """Add a binding to llama.cpp's request."""
        if self.vocabulary.cut:
            payload["grammar"] = await self.trials.translate(binding, self.slot.client)
            return
        await self.trials.check(binding, self.slot.client)
        payload["grammar"] = binding.grammar
        payload["logit_bias"] = [*payload["logit_bias"], *([token, False] for token in self.vocabulary.untidy)]

    async def _written(self, limit: int) -> Written:
        if self.reasoning.frame is None:
            return Written(await self.find_frame())
        effort = self._effort()
        budget = self.reasoning.budget(effort, self.context_length, limit)
        return Written(self.reasoning.frame, self.reasoning.thinks(effort), budget)
