"""The engine without a model answers in words, and no text of a client's keeps it busy."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from app.engines import echo
from app.engines.base import Completion
from app.engines.echo import EchoEngine

from .asking import prepare


def answer(text: str, **more: Any) -> Completion:
    async def ask() -> Completion:
        request = {"model": "parley-echo", "messages": [{"role": "user", "content": text}], **more}
        return await (await prepare(EchoEngine(), request)).complete()

    return asyncio.run(ask())


def test_an_answer_is_no_longer_than_the_context_that_the_model_says_it_has() -> None:
    made = answer("word " * 20_000)
    assert made.choices[0].finish_reason == "length"
    assert made.facts["usage"]["completion_tokens"] == EchoEngine().models[0].context_length
    assert made.facts["usage"]["prompt_tokens"] == 20_000


def test_words_are_counted_whatever_pieces_they_are_counted_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "_AT_ONCE", 3)
    drawn = random.Random(1)
    for _ in range(200):
        text = "".join(drawn.choices("ab \n", k=drawn.randrange(1, 30)))
        assert answer(text).facts["usage"]["prompt_tokens"] == len(text.split())
