"""A model process in memory, which answers what a test says and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest

from app.engines.base import Model
from app.engines.llama import engine as llama
from app.engines.llama.engine import CAPABILITIES, LlamaEngine
from app.engines.llama.process import ModelProcess
from app.engines.transport.events import MISSING_DONE
from app.engines.transport.replicas import Events
from app.jsontypes import Json
from app.model_process.slots import SlotRequest

from ..chunks import ROLE, chunk, last_chunk
from ..scripted_replicas import Whole

CONTEXT_LENGTH = 512
# The steps of one answer: events, those that came together in one list, a `Whole`, or a failure.
Answer = Sequence[Any]


def saying(*texts: str, reason: str = "stop") -> Answer:
    """An answer in words."""
    return [chunk(ROLE), *(chunk({"content": text}) for text in texts), chunk({}, reason), last_chunk()]


def calling(name: str, *arguments: str) -> Answer:
    """An answer with a call that llama.cpp's parser has found."""
    head = {"index": 0, "id": "x", "type": "function", "function": {"name": name, "arguments": ""}}
    more = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": text}}]}) for text in arguments]
    return [chunk(ROLE), chunk({"tool_calls": [head]}), *more, chunk({}, "tool_calls"), last_chunk()]


def writing(*texts: str, end: str = "eos", read: int = 3, cached: int = 0) -> Answer:
    """What follows a prompt, each text a token; ``end`` is llama.cpp's word for why it ends, ``read`` and ``cached``
    are the tokens of the prompt."""

    def piece(made: int, text: str, **more: Any) -> Json:
        timings = {"cache_n": cached, "prompt_n": read, "predicted_n": made}
        return {"content": text, "stop": False, "timings": timings, **more}

    pieces = [piece(made, text, **_probable(text)) for made, text in enumerate(texts, 1)]
    return [*pieces, piece(len(texts), "", stop=True, stop_type=end), MISSING_DONE]


def _probable(text: str) -> Json:
    entry = {"token": text, "logprob": -0.5, "bytes": list(text.encode()), "top_logprobs": []}
    return {"completion_probabilities": [entry]}


class ScriptedProcess(ModelProcess):
    """Gives its ``answers`` in turn, the last one for ever.

    ``marks``: the model's template has calls between marks. ``renders`` says what its template makes of a request.
    ``bounded``: it can end the model's thoughts. ``calls`` counts what was asked
    of it by name, ``asked`` are the payloads of answers, ``open`` the answers that are under way, and ``most`` as many
    as there were at a time.
    """

    def __init__(
        self,
        *answers: Answer,
        marks: bool = True,
        renders: Callable[[Json], str | None] = lambda payload: json.dumps([payload["messages"], _tools(payload)]),
        bounded: bool = True,
    ) -> None:
        super().__init__(lambda: ("/nowhere/s.sock", "k"))
        self.answers = list(answers or [saying("Hi", ".")])
        self.marks = marks
        self.renders = renders
        self.bounded = bounded
        self.calls: Counter[str] = Counter()
        self.asked: list[Json] = []
        self.slots: list[SlotRequest] = []
        self.open = self.most = 0

    async def start(self) -> None:
        """Nothing to start."""

    async def ready(self) -> bool:
        return True

    async def answer(self, payload: Json) -> Json:
        self.calls["answer"] += 1
        return {"choices": [{"message": {"content": "a", "reasoning_content": "a" if self.bounded else ""}}]}

    async def render(self, payload: Json) -> str | None:
        self.calls["render"] += 1
        return self.renders(payload)

    async def prompt(self, payload: Json) -> str:
        self.calls["prompt"] += 1
        return self.renders(payload) or ""

    async def read_vocabulary_size(self) -> int:
        self.calls["read_vocabulary_size"] += 1
        return 100

    async def marks_calls(self) -> bool:
        self.calls["marks_calls"] += 1
        return self.marks

    async def count_tokens(self, text: str) -> int:
        self.calls["count_tokens"] += 1
        return len(text)

    async def events(self, payload: Json, slot: SlotRequest) -> AsyncGenerator[Events, None]:
        self.asked.append(payload)
        self.slots.append(slot)
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await asyncio.sleep(0)
            for step in self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]:
                if isinstance(step, Exception):
                    raise step
                together = step if isinstance(step, list) else [step]
                yield step.body if isinstance(step, Whole) else [_data(event, payload) for event in together]
        finally:
            self.open -= 1


def _tools(payload: Json) -> Any:
    return payload.get("chat_template_kwargs", {}).get("tools")


def _data(event: Any, payload: Json) -> bytes:
    if isinstance(event, dict) and "n_probs" not in payload:
        event = {name: value for name, value in event.items() if name != "completion_probabilities"}
    return event if isinstance(event, bytes) else json.dumps(event).encode()


def engine_on(process: ScriptedProcess, *capabilities: str, monkeypatch: pytest.MonkeyPatch) -> LlamaEngine:
    """An engine on a scripted process, with further capabilities."""
    model = Model("m", created=0, owned_by="parley", fingerprint="fp", capabilities=CAPABILITIES | set(capabilities))
    monkeypatch.setattr(llama, "ModelProcess", lambda *_: process)
    return LlamaEngine(model, context_length=CONTEXT_LENGTH)
