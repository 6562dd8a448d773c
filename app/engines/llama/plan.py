"""A request that the model process is going to answer: the ways to send it, and how the answer is read."""

from __future__ import annotations

import secrets
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

from ...model_process.slots import SlotRequest
from ..asked import Asked
from ..base import Completion, Deltas
from ..collecting import collect
from ..dialects.llama_cpp.request import fold_seed
from .answer import Answer, Way
from .choosing import Chooser
from .once import Once
from .process import ModelProcess


@dataclass(slots=True)
class LlamaPlan:
    """As `base.Plan`. ``way`` is requested first. It is replaced by ``in_format`` if the model answers in words, and
    by an entry of ``calls`` if the model calls that tool."""

    process: ModelProcess
    asked: Asked
    seed: int | None
    slot: SlotRequest
    context_length: int
    way: Way
    in_format: Way | None = None
    calls: dict[str, Way] = field(default_factory=dict)
    # The prompts that were rendered for each way, once for all choices.
    _prompts: dict[int, Once[str]] = field(default_factory=dict)

    def stream(self, choice: int = 0) -> Deltas:
        """As `base.Plan.stream`."""
        chooses = self.in_format is not None or self.calls
        return self._chosen(choice) if chooses else self._deltas(self.way, choice)

    async def complete(self, choice: int = 0) -> Completion:
        """As `base.Plan.complete`.

        Reads llama.cpp's stream, because llama.cpp finishes a non-streamed answer even if its reader has disconnected.
        """
        answer = await collect(self.stream(choice))
        if self.asked.alternatives is not None:
            for made in answer.choices:
                made.logprobs = made.logprobs or {"content": [], "refusal": None}
        return answer

    async def _chosen(self, choice: int) -> Deltas:
        chooser = Chooser(self.in_format, self.calls)
        async with aclosing(self._deltas(self.way, choice)) as deltas:
            async for delta in deltas:
                if isinstance(delta, dict) or chooser.watch(delta):
                    yield delta
                elif chooser.instead is not None:
                    break
        if chooser.instead is not None:
            async with aclosing(self._deltas(chooser.instead, choice)) as deltas:
                async for delta in deltas:
                    yield delta

    async def _deltas(self, way: Way, choice: int) -> Deltas:
        # A repeated request for the same answer has the same seed.
        seed = secrets.randbits(31) if self.seed is None else fold_seed(int(self.seed) + choice)
        answer = Answer(self.process, self.asked, way, seed, self.slot, self.context_length, self._prompt)
        async with aclosing(answer.deltas()) as deltas:
            async for delta in deltas:
                yield delta

    async def _prompt(self, way: Way) -> str:
        writing = self._prompts.setdefault(id(way), Once(partial(self.process.prompt, way.payload)))
        return await writing.get()
