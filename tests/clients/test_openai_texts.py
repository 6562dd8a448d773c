"""OpenAI's own Python SDK gets completions of texts from the bundled model."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from ..live import Server

pytestmark = pytest.mark.live

BEGIN = "Hello! How can"


@pytest.fixture
def client(llama_server: Server) -> OpenAI:
    return OpenAI(base_url=llama_server.base, api_key=llama_server.key, max_retries=0)


def complete(client: OpenAI, **fields: Any) -> Any:
    return client.completions.create(**{"model": "parley-tiny", "prompt": BEGIN, "temperature": 0, **fields})


def test_a_text_goes_on_whole_and_streamed(client: OpenAI) -> None:
    whole = complete(client)
    assert whole.choices[0].text == " I help you today?"
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    *pieces, last = complete(client, stream=True, stream_options={"include_usage": True})
    assert "".join(piece.choices[0].text for piece in pieces) == whole.choices[0].text
    assert pieces[-1].choices[0].finish_reason == "stop"
    assert last.usage.total_tokens == whole.usage.total_tokens


def test_texts_and_tokens_stops_limits_and_choices(client: OpenAI) -> None:
    hello, mark, how, can = 502, 0, 2689, 2680
    assert complete(client, prompt=[hello, mark, how, can]).choices[0].text == complete(client).choices[0].text
    cut = complete(client, stop=" you").choices[0]
    assert (cut.text, cut.finish_reason) == (" I help", "stop")
    short = complete(client, max_tokens=2, echo=True).choices[0]
    assert (short.text, short.finish_reason) == (f"{BEGIN} I help", "length")
    several = complete(client, prompt=[BEGIN, "The capital of"], n=2, max_tokens=1)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert several.usage.completion_tokens == 4
    seeded = [complete(client, temperature=1, seed=seed, n=2).choices for seed in (7, 7, 8)]
    assert [choice.text for choice in seeded[0]] == [choice.text for choice in seeded[1]]
    assert complete(client, prompt=[[hello, mark]], echo=True, max_tokens=0).choices[0].text == "Hello!"


def test_log_probabilities_of_what_is_made_and_of_the_prompt_are_the_same_ones(client: OpenAI) -> None:
    made = complete(client, max_tokens=3, logprobs=2).choices[0].logprobs
    again = complete(client, prompt=BEGIN + " I help you", max_tokens=0, echo=True, logprobs=2).choices[0]
    assert again.text == BEGIN + " I help you"
    assert again.logprobs.tokens == ["Hello", "!", " How", " can", " I", " help", " you"]
    assert again.logprobs.token_logprobs[0] is None
    assert again.logprobs.token_logprobs[4:] == pytest.approx(made.token_logprobs, abs=0.01)
    assert again.logprobs.text_offset == [0, 5, 6, 10, 14, 16, 21]
    assert all(len(each) in (2, 3) for each in again.logprobs.top_logprobs[1:])


def test_characters_of_several_tokens_have_log_probabilities_in_a_prompt_too(client: OpenAI) -> None:
    told = complete(client, prompt="日!", max_tokens=0, echo=True, logprobs=1).choices[0].logprobs
    assert told.tokens[-1] == "!"
    assert told.text_offset[-1] == 1
    assert all(value < 0 for value in told.token_logprobs[1:])
    alone = complete(client, prompt="日", max_tokens=0, echo=True, logprobs=0).choices[0].logprobs
    assert alone.token_logprobs == pytest.approx(told.token_logprobs[:-1], abs=0.01)


def test_the_best_of_several_is_given(client: OpenAI) -> None:
    answer = complete(client, temperature=2, seed=1, best_of=4, max_tokens=4)
    assert len(answer.choices) == 1
    assert answer.choices[0].logprobs is None
    assert answer.usage.completion_tokens > 4


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"suffix": "."}, "suffix", "unsupported_parameter"),
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": [100_000]}, "prompt", "invalid_value"),
        ({"prompt": "a b " * 5000}, "prompt", "context_length_exceeded"),
        ({"prompt": [1] * 5000}, "prompt", "context_length_exceeded"),
        ({"logprobs": 6}, "logprobs", "integer_above_max_value"),
        ({"best_of": 2, "stream": True}, "best_of", "invalid_value"),
        ({"logit_bias": {"100000": 1}}, "logit_bias", "invalid_value"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(client: OpenAI, fields: Any, param: str, code: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, **fields)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_the_bundled_model_makes_no_embeddings_and_says_so(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="parley-tiny", input="a")
    assert (caught.value.param, caught.value.code) == ("model", "unsupported_operation")
