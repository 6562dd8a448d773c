"""A request keeps its meaning on its way to llama.cpp."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.engines.asked import Asked
from app.engines.dialects.llama_cpp.request import fold_seed, translate
from app.engines.media.media import Media
from app.errors import BadRequest
from app.jsontypes import Json

USER = {"role": "user", "content": "Hello!"}


def _translate(**request: Any) -> Json:
    return _translated({"messages": [USER], **request}, 2048, 1536)


def _translated(request: Json, context_length: int, vocabulary_size: int | None = None) -> Json:
    return translate(
        request,
        Asked.of(request),
        context_length=context_length,
        media=Media().translate,
        most_tokens=context_length,
        vocabulary_size=vocabulary_size,
    )


def _messages(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = _translate(messages=list(messages))["messages"]
    return result


def test_the_defaults_are_those_of_the_api() -> None:
    payload = _translate()
    assert payload["temperature"] == 1
    assert payload["top_p"] == 1
    assert payload["top_k"] == 0
    assert payload["min_p"] == 0
    assert payload["frequency_penalty"] == payload["presence_penalty"] == 0
    assert payload["max_tokens"] == 2048
    assert payload["stop"] == []
    assert payload["seed"] == 0xFFFFFFFF


def test_parameters_beyond_the_api_bring_their_samplers_in_the_usual_order() -> None:
    assert _translate()["samplers"] == ["penalties", "temperature", "top_p"]
    payload = _translate(min_p=0.1, top_k=5, typical_p=0.5, repeat_penalty=1.5)
    assert payload["samplers"] == ["penalties", "temperature", "top_k", "typ_p", "top_p", "min_p"]
    assert (payload["top_k"], payload["min_p"], payload["typical_p"], payload["repeat_penalty"]) == (5, 0.1, 0.5, 1.5)


def test_what_a_json_format_is_for_is_told_as_a_system_message() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "description": "Whether it rains."}}
    system, user = _translate(response_format=form)["messages"]
    assert system == {"role": "system", "content": "The answer is JSON. What it is for: Whether it rains."}
    assert user["content"] == USER["content"]
    told = _translate(response_format=form, messages=[{"role": "developer", "content": "Be brief."}, USER])["messages"]
    assert [message["role"] for message in told] == ["system", "user"]
    assert told[0]["content"] == f"Be brief.\n\n{system['content']}"


def test_max_completion_tokens_wins_over_max_tokens() -> None:
    assert _translate(max_tokens=5, max_completion_tokens=7)["max_tokens"] == 7
    assert _translate(max_tokens=5)["max_tokens"] == 5
    assert _translate(max_tokens=10**30)["max_tokens"] == 2048
    assert _translate(max_tokens=5.0)["max_tokens"] == 5


def test_every_seed_is_folded_into_32_bits_and_never_means_random() -> None:
    for seed in (0, 1, 2**32 - 2, 2**32 - 1, 2**32, 2**63 - 1, -1, -(2**63)):
        assert 0 <= fold_seed(seed) < 0xFFFFFFFF
        assert fold_seed(seed) == fold_seed(seed)
    assert fold_seed(42) == 42
    assert len({fold_seed(seed) for seed in range(-500, 500)}) == 1000


def test_one_stop_sequence_is_a_list_of_one() -> None:
    assert _translate(stop="a")["stop"] == ["a"]
    assert _translate(stop=["a", "b"])["stop"] == ["a", "b"]


def test_keys_of_logit_bias_are_tokens() -> None:
    assert _translate(logit_bias={"1535": -100, "0": 2})["logit_bias"] == [[1535, -100], [0, 2]]


@pytest.mark.parametrize("key", ["1536", "9" * 5000, "", "-1", "cat", "\u0663"])
def test_what_is_no_token_of_the_vocabulary_is_refused(key: str) -> None:
    with pytest.raises(BadRequest) as caught:
        _translate(logit_bias={key: 1})
    assert caught.value.param == "logit_bias"


def test_parts_of_a_message_become_one_text() -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo!"}]
    assert _messages({"role": "user", "content": parts}) == [USER]


def test_a_refusal_is_a_text() -> None:
    parts = [{"type": "refusal", "refusal": "No."}]
    expected = [{"role": "assistant", "content": "No."}]
    assert _messages({"role": "assistant", "content": parts}) == expected
    assert _messages({"role": "assistant", "content": None, "refusal": "No."}) == expected


def test_a_part_that_is_no_text_is_refused_by_its_path() -> None:
    file = {"type": "file", "file": {"file_id": "x"}}
    with pytest.raises(BadRequest) as caught:
        _messages(USER, {"role": "user", "content": [{"type": "text", "text": "a"}, file]})
    assert caught.value.param == "messages[1].content[1].type"


def test_roles_that_llama_cpp_does_not_know_are_translated() -> None:
    assert _messages({"role": "developer", "content": "x"})[0]["role"] == "system"
    assert _messages({"role": "function", "name": "f", "content": "x"})[0]["role"] == "tool"


def test_unknown_keys_of_a_message_are_dropped() -> None:
    assert _messages({**USER, "name": "ann", "audio": {"id": "x"}}) == [{**USER, "name": "ann"}]


def test_tool_calls_and_their_answers_are_kept() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = {"role": "tool", "tool_call_id": "call_1", "content": "5"}
    messages = _messages({"role": "assistant", "tool_calls": [call]}, answer)
    assert messages == [{"role": "assistant", "content": "", "tool_calls": [call]}, answer]


def test_arguments_that_are_no_json_are_quoted() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{oops"}}
    assert _messages({"role": "assistant", "tool_calls": [call]})[0]["tool_calls"][0]["function"] == {
        "name": "f",
        "arguments": '"{oops"',
    }


def test_a_function_call_and_its_answer_belong_together() -> None:
    messages = _messages(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "5"},
    )
    assert messages[0]["tool_calls"][0]["id"] == messages[1]["tool_call_id"]


@pytest.mark.parametrize("arguments", ["NaN", '{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', "{", ""])
def test_arguments_of_past_calls_that_llama_cpp_cannot_read_are_quoted(arguments: str) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call]}]
    made = _translated({"messages": messages}, 100)
    assert json.loads(made["messages"][0]["tool_calls"][0]["function"]["arguments"]) == arguments


def test_arguments_of_past_calls_are_parsed_only_up_to_a_bound_over_all_calls() -> None:
    def message(arguments: str) -> Json:
        function = {"name": "f", "arguments": arguments}
        return {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}

    text = json.dumps({"content": "long, and longer. " * 50_000})
    assert _messages(message(text), message(text))[1]["tool_calls"][0]["function"]["arguments"] == text
    half = "[" + ",".join(["1"] * 110_000) + "]"
    assert _messages(message(half))
    old = {"role": "assistant", "function_call": {"name": "f", "arguments": half}}
    for second in (message(half), old):
        with pytest.raises(BadRequest, match="at most 200000 commas and brackets") as caught:
            _messages(message(half), second)
        assert caught.value.param == "messages[1]"
