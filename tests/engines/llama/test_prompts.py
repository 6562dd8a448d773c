"""What the model process is asked for a prompt's own log probabilities, and that nobody is asked once the client has
left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from app.engines.llama.process import ModelProcess, Piece
from app.engines.llama.prompts import Probabilities
from app.engines.llama.texts import Prompt
from app.errors import ServerError, UnsupportedParameter
from app.jsontypes import Json
from app.model_process.slots import SlotRequest

PIECES = [Piece(1, "a"), Piece(2, " b"), Piece(3, None, [230]), Piece(4, "!")]


class Scripted(ModelProcess):
    """Knows the tokens above, of a vocabulary of 10. ``asked`` are the requests, of which none is answered after
    ``most``."""

    def __init__(self, most: int = 100, told: Json | None = None) -> None:
        super().__init__()
        self.most = most
        self.told = told
        self.asked: list[Json] = []

    async def tokens(self, text: str) -> list[Piece]:
        return PIECES

    async def read_vocabulary_size(self) -> int:
        return 10

    @contextlib.asynccontextmanager
    async def one_by_one(self, asked: SlotRequest) -> AsyncGenerator[Any, None]:
        async def make(payload: Json) -> Json:
            self.asked.append(payload)
            if len(self.asked) > self.most:
                await asyncio.sleep(60)
            if self.told is not None:
                return self.told
            others = [{"id": each, "token": str(each), "bytes": [], "logprob": -float(each)} for each in range(10)]
            forced = payload["logit_bias"][0][0]
            entry = {"id": forced, "logprob": -float(forced), "top_logprobs": others[: payload["n_probs"]]}
            return {"completion_probabilities": [entry]}

        yield make


def of(process: Scripted, alternatives: int = 1, size: int = 10) -> Any:
    return asyncio.run(Probabilities(process, SlotRequest(), alternatives, size).of(PIECES))


def test_each_token_is_made_to_follow_those_before_it() -> None:
    process = Scripted()
    found = of(process)
    assert [entry["logprob"] for entry in found] == [None, -2.0, -3.0, -4.0]
    assert [each["prompt"] for each in process.asked] == [[1], [1, 2], [1, 2, 3]]
    # That of the part of a character is looked for among all, beside a token that llama.cpp tells of.
    assert [(each["logit_bias"][0][0], each["n_probs"]) for each in process.asked] == [(2, 1), (1, 10), (4, 1)]
    assert [len(entry["top_logprobs"]) for entry in found] == [0, 1, 1, 1]
    assert found[2]["bytes"] == [230]


def test_without_alternatives_there_are_none() -> None:
    assert [entry["top_logprobs"] for entry in of(Scripted(), alternatives=0)] == [[], [], [], []]


def test_too_many_parts_of_characters_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        of(Scripted(), size=3_000_000)
    assert caught.value.param == "echo"


def test_an_answer_without_log_probabilities_is_a_fault_of_the_server() -> None:
    with pytest.raises(ServerError):
        of(Scripted(told={}))


def test_a_prompt_is_read_once_for_all_choices_and_no_further_when_the_client_leaves() -> None:
    async def test() -> None:
        process = Scripted(most=1)
        prompt = Prompt(process, "a b", 1, SlotRequest(), 100)
        reading = [asyncio.create_task(prompt.read()) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert len(process.asked) == 2
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        await asyncio.sleep(0.01)
        assert len(process.asked) == 2
        process.most = 100
        first, second = await asyncio.gather(prompt.read(), prompt.read())
        assert first is second
        assert len(process.asked) == 5

    asyncio.run(test())
