"""What real servers take otherwise than the API has it, as it was found by asking them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.jsontypes import Json

from ..chunks import ROLE, chunk, completion, last_chunk
from .peers import Front, error_of
from .test_dialects import EVENTS, sent, tool
from .test_guard import entry

Make = Callable[..., Front]


def test_vllm_draws_from_one_token_where_it_would_make_one_choice_alone(scripted: Make) -> None:
    choices = [{"index": index} for index in range(2)]
    answer = completion() | {"choices": [{**completion()["choices"][0], **choice} for choice in choices]}
    body = sent(scripted(answer, dialect="vllm"), n=2, temperature=0)
    assert (body["n"], body["temperature"], body["top_k"]) == (2, 1, 1)
    assert sent(scripted(completion(), dialect="vllm"), temperature=0)["temperature"] == 0


@pytest.mark.parametrize("dialect", ["openai", "litellm", "vllm"])
def test_no_alternatives_are_asked_for_by_leaving_their_number_out(scripted: Make, dialect: str) -> None:
    told = completion({"logprobs": {"content": [entry("Hi")], "refusal": None}})
    assert "top_logprobs" not in sent(scripted(told, dialect=dialect), logprobs=True, top_logprobs=0)


def test_llama_cpp_python_is_told_in_its_own_words_what_binds_an_answer(scripted: Make) -> None:
    schema: Json = {"type": "object"}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    events = [EVENTS[0], chunk({"content": "{}"}), *EVENTS[1:]]
    body = sent(scripted(events=events, dialect="llama-cpp-python"), response_format=form, stream=True)
    assert body["response_format"] == {"type": "json_object", "schema": schema}
    named = {"type": "function", "function": {"name": "b"}}
    made = {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "b", "arguments": "{}"}}]}
    called = scripted(
        events=[chunk(ROLE), chunk(made), chunk({}, "tool_calls"), last_chunk()], dialect="llama-cpp-python"
    )
    body = sent(called, tools=[tool("a"), tool("b")], tool_choice=named, stream=True)
    assert (body["tools"], body["tool_choice"]) == ([tool("b")], named)
    assert sent(scripted(completion(), dialect="llama-cpp-python"), max_completion_tokens=5)["max_tokens"] == 5


def test_llama_cpp_python_gets_texts_in_one_part_and_no_null(scripted: Make) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history: list[Json] = [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]
    body = sent(scripted(completion(), dialect="llama-cpp-python"), messages=history)
    assert body["messages"] == [
        {"role": "user", "content": "ab"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        history[2],
    ]


def test_llama_cpp_python_is_asked_for_a_whole_answer_where_a_stream_is_to_tell_its_tokens(scripted: Make) -> None:
    front = scripted(completion(), EVENTS, dialect="llama-cpp-python")
    assert "stream" not in sent(front, stream=True, stream_options={"include_usage": True})
    assert sent(front, stream=True)["stream"] is True


def test_transformers_gets_biases_with_a_point_and_none_that_are_empty(scripted: Make) -> None:
    front = scripted(events=EVENTS, dialect="transformers")
    body = sent(front, logit_bias={"5": 100})
    assert (body["logit_bias"], type(body["logit_bias"]["5"])) == ({"5": 100.0}, float)
    assert "logit_bias" not in sent(front, logit_bias={})


def test_transformers_is_not_asked_for_what_it_fails_at(scripted: Make) -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "note", "input": "x"}}
    history = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]
    front = scripted(events=EVENTS, dialect="transformers")
    assert error_of(front.post(messages=history), 400)["param"] == "messages[1].tool_calls[0].custom"
    assert error_of(front.post(max_tokens=0), 400)["param"] == "max_tokens"
