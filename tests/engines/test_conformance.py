"""What every engine and dialect promises by `base.Engine` and `base.Plan`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from app.engines.base import Completion, Delta, Engine, Plan, StreamItem, usage_of
from app.engines.collecting import collect
from app.engines.dialects.dialect import UpstreamModel
from app.engines.dialects.known import DIALECTS
from app.engines.echo import EchoEngine
from app.engines.registry import Registry
from app.engines.upstream import UpstreamEngine, model_of
from app.errors import ApiError
from app.jsontypes import Json

from ..patience import PATIENCE
from .asking import prepare
from .chunks import ROLE, chunk, completion, last_chunk
from .llama.scripted_process import ScriptedProcess, engine_on
from .scripted_replicas import ScriptedReplicas, Whole

CALL: Json = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
TOOLS: Json = {"tools": [{"type": "function", "function": {"name": "get_time"}}]}
HELLO: Json = {"model": "m", "messages": [{"role": "user", "content": "Hi ."}]}


@dataclass
class Case:
    """A request, and how an upstream answers it: the message and its end, as a whole and as deltas."""

    request: Json
    message: Json
    deltas: list[Json]
    reason: str

    def events(self, n: int = 1) -> list[Json]:
        begins = [chunk(ROLE, index=index) for index in range(n)]
        said = [chunk(delta, index=index) for delta in self.deltas for index in range(n)]
        return [*begins, *said, *(chunk({}, self.reason, index=index) for index in range(n)), last_chunk()]

    def whole(self, n: int = 1) -> Json:
        choice = completion({"message": self.message, "finish_reason": self.reason})["choices"][0]
        return completion() | {"choices": [{**choice, "index": index} for index in range(n)]}


MESSAGE: Json = {"role": "assistant", "content": "Hi .", "refusal": None}
CASES = {
    "words": Case({}, MESSAGE, [{"content": "Hi"}, {"content": " ."}], "stop"),
    "a call": Case(
        TOOLS,
        {**MESSAGE, "content": None, "tool_calls": [CALL]},
        [{"tool_calls": [{"index": 0, **CALL}]}],
        "tool_calls",
    ),
}


@dataclass
class Subject:
    """An engine, and how many answers are open below it. ``dialect`` is that of an upstream."""

    engine: Engine
    opened: Callable[[], int]
    dialect: str | None = None


def echo(*_: Any) -> Subject:
    return Subject(EchoEngine(), lambda: 0)


def many(*_: Any) -> Subject:
    engine = EchoEngine()
    return Subject(Registry([engine]), lambda: 0)


def llama(case: Case, n: int, monkeypatch: pytest.MonkeyPatch) -> Subject:
    process = ScriptedProcess(case.events())
    return Subject(engine_on(process, monkeypatch=monkeypatch), lambda: process.open)


def relay(dialect: str) -> Callable[..., Subject]:
    def make(case: Case, n: int, _: pytest.MonkeyPatch, events: list[Any] | None = None) -> Subject:
        replicas = ScriptedReplicas(case.whole(n), case.events(n) if events is None else events)
        engine = UpstreamEngine(UpstreamModel(model_of("m", dialect), "theirs"), dialect, replicas)
        return Subject(engine, lambda: replicas.open, dialect)

    return make


def whole_for_stream(case: Case, n: int, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """An upstream that sends a whole answer where a stream was asked for."""
    told = Whole(json.dumps(case.whole(n)).encode())
    return relay("openai")(case, n, monkeypatch, [told])


SUBJECTS: dict[str, Callable[..., Subject]] = {"echo": echo, "many": many, "bundled": llama}
SUBJECTS |= {name: relay(name) for name in DIALECTS} | {"whole for a stream": whole_for_stream}
# An echo calls no tools.
ASKED = [(name, case) for name in SUBJECTS for case in CASES if case == "words" or name not in ("echo", "many")]
every = pytest.mark.parametrize(("name", "asked"), ASKED, ids=[f"{name}-{asked}" for name, asked in ASKED])


def request_of(subject: Subject, case: Case, n: int) -> Json:
    return {**HELLO, "model": subject.engine.models[0].id, **case.request, **({} if n == 1 else {"n": n})}


def run(use: Any) -> Any:
    return asyncio.run(asyncio.wait_for(use, PATIENCE))


async def told(plan: Plan) -> list[StreamItem]:
    async with aclosing(plan.stream()) as deltas:
        return [delta async for delta in deltas]


async def together(deltas: list[StreamItem]) -> Completion:
    async def again() -> Any:
        for delta in deltas:
            yield delta

    return await collect(again())


def as_told(answer: Completion) -> Completion:
    """The answer as clients get it, but for ids of calls, of which some are made anew each time."""
    for choice in answer.choices:
        choice.message.setdefault("content", None)
        for call in choice.message.get("tool_calls", ()):
            assert call.pop("id")
    return answer


# Where the model makes its choices itself, one stream has them all.
STREAMS = [
    (name, asked, n)
    for name, asked in ASKED
    for n in (1, 2)
    if n == 1 or name == "whole for a stream" or (name in DIALECTS and DIALECTS[name].makes_choices)
]


@pytest.mark.parametrize(("name", "asked", "n"), STREAMS, ids=[f"{name}-{asked}-{n}" for name, asked, n in STREAMS])
def test_each_choice_is_begun_and_finished_once_and_the_usage_comes_last(
    name: str, asked: str, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[asked]
    subject = SUBJECTS[name](case, n, monkeypatch)
    deltas = run(_streamed(subject, case, n))
    *_, last = deltas
    assert isinstance(last, dict)
    assert "usage" in last
    assert [each for each in deltas if isinstance(each, dict) and "usage" in each] == [last]
    finished: set[int] = set()
    for delta in deltas:
        if isinstance(delta, Delta):
            assert 0 <= delta.index < n
            assert delta.index not in finished
            if delta.finish_reason is not None:
                assert delta.finish_reason == case.reason
                finished.add(delta.index)
    assert finished == set(range(n))
    assert subject.opened() == 0


async def _streamed(subject: Subject, case: Case, n: int) -> list[StreamItem]:
    return await told(await prepare(subject.engine, request_of(subject, case, n)))


@every
def test_a_plan_may_be_asked_again_and_a_whole_answer_is_what_its_stream_adds_up_to(
    name: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[asked]
    subject = SUBJECTS[name](case, 1, monkeypatch)
    request = request_of(subject, case, 1)
    before = deepcopy(request)

    async def use() -> list[Completion]:
        plan = await prepare(subject.engine, request)
        answers = [await together(await told(plan)), await plan.complete(), await plan.complete(1)]
        return [as_told(answer) for answer in answers]

    streamed, *wholes = run(use())
    assert wholes == [streamed, streamed]
    (choice,) = streamed.choices
    assert (choice.message.get("content"), choice.finish_reason) == (case.message["content"], case.reason)
    assert request == before, "the request stays as it is"


@every
def test_closing_a_stream_closes_what_is_below(name: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[asked]
    subject = SUBJECTS[name](case, 1, monkeypatch)

    async def use() -> None:
        plan = await prepare(subject.engine, request_of(subject, case, 1))
        deltas = plan.stream()
        await anext(deltas)
        await deltas.aclose()
        assert subject.opened() == 0

    run(use())


CUT: dict[str, list[Any]] = {
    "nothing": [last_chunk()],
    "no end": [chunk(ROLE), chunk({"content": "Hi"})],
    "an error": [chunk(ROLE), {"error": {"message": "boom", "code": 500}}],
    "no JSON": [chunk(ROLE), b"{"],
}


@pytest.mark.parametrize("dialect", [*DIALECTS, None])
@pytest.mark.parametrize("cut", CUT)
def test_a_stream_never_ends_early_without_an_error(
    dialect: str | None, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES["words"]
    if dialect is not None:
        subject = relay(dialect)(case, 1, monkeypatch, CUT[cut])
    else:
        process = ScriptedProcess(CUT[cut])
        subject = Subject(engine_on(process, monkeypatch=monkeypatch), lambda: process.open)
    with pytest.raises(ApiError):
        run(_streamed(subject, case, 1))
    assert subject.opened() == 0


def test_the_echo_counts_words() -> None:
    deltas = run(_streamed(echo(), CASES["words"], 1))
    assert deltas == [
        Delta(0, {"content": "Hi"}),
        Delta(0, {"content": " ."}),
        Delta(0, {}, "stop"),
        {"usage": usage_of(2, 2)},
    ]
