"""Completions and embeddings through the whole application, of real servers, by OpenAI's SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest

from tests.live import Server

from .peers import BEARER, Front

pytestmark = pytest.mark.live

Live = Callable[..., Front]


async def pieces_of(stream: Any) -> list[Any]:
    return [piece async for piece in await stream]


@pytest.fixture
def echo(live: Live, echo_server: Server) -> Front:
    return live(echo_server.base, "openai", key=echo_server.key, theirs="parley-echo")


@pytest.fixture
def bundled(live: Live, llama: str) -> Front:
    return live(llama, "llama.cpp")


@pytest.mark.parametrize("fields", [{}, {"encoding_format": "float"}, {"dimensions": 5}])
def test_vectors_are_those_of_the_other_server_in_the_form_that_was_asked_for(
    echo: Front, echo_server: Server, fields: Any
) -> None:
    body = {"model": "parley-echo", "input": ["a b", "c"], **fields}
    theirs = echo_server.request("POST", "/v1/embeddings", body=body, headers=echo_server.bearer).json()
    # Without a form the SDK asks for base64.
    ours = echo.run(echo.sdk.embeddings.create(**{**body, "model": "our-model"}))
    assert ours.model == "our-model"
    assert ours.usage.prompt_tokens == theirs["usage"]["prompt_tokens"] == 3
    for mine, other in zip(ours.data, theirs["data"], strict=True):
        assert mine.index == other["index"]
        assert mine.embedding == pytest.approx(other["embedding"], abs=1e-6)


def test_texts_go_on_whole_and_streamed(echo: Front) -> None:
    create = echo.sdk.completions.create
    whole = echo.run(create(model="our-model", prompt="a b c", stop="c"))
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == ("a b", "stop")
    pieces = echo.run(pieces_of(create(model="our-model", prompt=["a b", "c"], stream=True)))
    texts = ["".join(each.choices[0].text for each in pieces if each.choices[0].index == n) for n in (0, 1)]
    assert texts == ["a b", "c"]


def test_an_operation_that_the_server_does_not_have_is_told_of_by_the_model(bundled: Front) -> None:
    """llama.cpp's server says 501 without embeddings."""
    told = bundled.run(bundled._http.post("/v1/embeddings", json={"model": "our-model", "input": "a"}, headers=BEARER))
    assert told.status_code == 400
    assert (told.json()["error"]["param"], told.json()["error"]["code"]) == ("model", "unsupported_operation")


def test_llama_cpps_server_goes_on_with_texts_and_tokens(bundled: Front) -> None:
    create = bundled.sdk.completions.create
    asked: Any = {"model": "our-model", "prompt": "Hello! How can", "temperature": 0}
    whole = bundled.run(create(**asked, logprobs=1, max_tokens=3))
    assert whole.choices[0].text == " I help you"
    assert whole.choices[0].finish_reason == "length"
    assert whole.choices[0].logprobs.tokens == [" I", " help", " you"]
    assert whole.usage.completion_tokens == 3
    cut = bundled.run(create(**asked, stop=" you", n=2))
    assert [(choice.text, choice.finish_reason) for choice in cut.choices] == [(" I help", "stop")] * 2
    pieces = bundled.run(pieces_of(create(**{**asked, "prompt": [502, 0, 2689, 2680]}, stream=True)))
    assert "".join(piece.choices[0].text for piece in pieces) == " I help you today?"
    nothing = bundled.run(create(**asked, max_tokens=0, echo=True))
    assert (nothing.choices[0].text, nothing.usage.completion_tokens) == ("Hello! How can", 0)
    long = bundled.run(_failed(create(**{**asked, "prompt": "a b " * 600})))
    assert (long.status_code, long.code, long.param) == (400, "context_length_exceeded", "prompt")


async def _failed(asked: Any) -> Any:
    with pytest.raises(openai.BadRequestError) as caught:
        await asked
    return caught.value
