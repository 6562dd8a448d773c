"""Answers are held against the document too: what an engine does wrong never reaches a client as if it were right.

The engine here errs on purpose, in ways that a healthy one cannot be made to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.engines.base import Choice, Completion, Delta, Deltas, Facts, Model, Refuse, usage_of
from app.engines.echo import EchoEngine, EchoPlan
from app.errors import EngineUnavailable
from app.jsontypes import Json
from app.settings import Settings
from app.wiring import wire

ENGINES_END = EngineUnavailable("The model went away.", retry_after=7)
USAGE = usage_of(1, 1)


def piece(content: Any = None, finish: Any = None, *, index: Any = 0) -> Delta:
    """What a stream gives next, rightly or not."""
    return Delta(index, {} if content is None else {"content": content}, finish)


class ErringPlan(EchoPlan):
    """Gives what it is told to give; an exception among the pieces is raised."""

    def __init__(self, whole: Completion | None, pieces: tuple[Delta | Facts | Exception, ...]) -> None:
        super().__init__([], 0, "stop", usage_of(0, 0), 0.0, False)
        self.whole = whole
        self.pieces = pieces
        self.closed = False

    async def complete(self, choice: int = 0) -> Completion:
        assert self.whole is not None
        return self.whole

    async def stream(self, choice: int = 0) -> Deltas:
        try:
            for piece in self.pieces:
                await asyncio.sleep(0)
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


class ErringEngine(EchoEngine):
    """Has one plan, whatever is asked."""

    def __init__(self, whole: Completion | None = None, pieces: tuple[Delta | Facts | Exception, ...] = ()) -> None:
        super().__init__()
        self.models = (Model("erring", 0, "parley", "fp"),)
        self.plan = ErringPlan(whole, pieces)

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> EchoPlan:
        return self.plan


def ask(engine: ErringEngine, **fields: Any) -> httpx.Response:
    app = wire(Settings(api_keys=("k",)), engine)

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            body = {"model": "erring", "messages": [{"role": "user", "content": "x"}], **fields}
            return await client.post("/v1/chat/completions", json=body, headers={"authorization": "Bearer k"})

    return asyncio.run(run())


def data(answer: httpx.Response) -> list[Any]:
    texts = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert texts[-1] == "[DONE]"
    return [json.loads(text) for text in texts[:-1]]


def test_a_whole_answer_that_breaks_the_contract_is_a_500_and_is_not_sent() -> None:
    index: Any = "0"
    answer = ask(ErringEngine(Completion([Choice(index, {"content": "secret"}, "stop")], {"usage": USAGE})))
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "contract_violation"
    assert "secret" not in answer.text


def test_a_fault_of_our_own_is_a_500_that_tells_nothing_but_is_logged_by_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = ask(ErringEngine(None))
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "AssertionError" in caplog.text
    assert "test_answers.py" in caplog.text


def test_a_first_chunk_that_breaks_the_contract_is_a_500() -> None:
    answer = ask(ErringEngine(pieces=(piece("a", index="x"),)), stream=True)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "contract_violation"


def test_a_later_chunk_that_breaks_the_contract_is_an_error_event_and_the_engine_is_closed() -> None:
    engine = ErringEngine(pieces=(piece("a"), piece(5), piece("b"), piece(finish="stop")))
    answer = ask(engine, stream=True)
    assert answer.status_code == 200
    found = data(answer)
    assert found[-1]["error"]["code"] == "contract_violation"
    assert "b" not in [chunk["choices"][0]["delta"].get("content") for chunk in found if "choices" in chunk]
    assert engine.plan.closed


def test_an_unknown_finish_reason_is_not_passed_on() -> None:
    answer = ask(ErringEngine(pieces=(piece("a"), piece(finish="bored"))), stream=True)
    assert data(answer)[-1]["error"]["code"] == "contract_violation"


@pytest.mark.parametrize(
    "make",
    [
        lambda: (piece("a"), ENGINES_END),
        lambda: (piece("a"),),
        lambda: (piece("a"), RuntimeError("the prompt stands in this text")),
    ],
    ids=["engine gone", "no finish", "our own fault"],
)
def test_a_failure_in_the_middle_is_an_error_event_and_then_done(
    make: Callable[[], tuple[Delta | Exception, ...]],
) -> None:
    answer = ask(ErringEngine(pieces=make()), stream=True)
    assert answer.status_code == 200
    found = data(answer)
    assert set(found[-1]) == {"error"}
    assert set(found[-1]["error"]) == {"message", "type", "param", "code"}
    assert "the prompt" not in answer.text


def test_a_failure_before_the_first_piece_is_an_http_error_with_its_headers() -> None:
    answer = ask(ErringEngine(pieces=(ENGINES_END,)), stream=True)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"


def test_an_empty_stream_is_an_error() -> None:
    assert ask(ErringEngine(), stream=True).status_code == 503


def test_a_finish_reason_that_rides_on_the_last_words_gets_a_chunk_of_its_own() -> None:
    found = data(ask(ErringEngine(pieces=(piece("a", "stop"), {"usage": USAGE})), stream=True))
    choices = [chunk["choices"][0] for chunk in found]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "a"},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, "stop"]


def test_pieces_of_several_choices_interleave_each_with_its_own_role_and_finish() -> None:
    pieces = (piece("a"), piece("b", index=1), piece(None, "stop", index=1), piece(None, "length"))
    found = [chunk["choices"][0] for chunk in data(ask(ErringEngine(pieces=pieces), stream=True))]
    for index, reason in ((0, "length"), (1, "stop")):
        own = [choice for choice in found if choice["index"] == index]
        assert own[0]["delta"]["role"] == "assistant"
        assert own[-1]["finish_reason"] == reason
        assert sum(choice["finish_reason"] is not None for choice in own) == 1
