"""What the contract lets through, and what it refuses; two validators must agree on each case."""

from __future__ import annotations

from typing import Any

import pytest

from . import Json, accepts, component_accepts, properties

REQUEST = "CreateChatCompletionRequest"
TEXT = "CreateCompletionRequest"
EMBEDDING = "CreateEmbeddingRequest"
PLAIN: Json = {"model": "parley-tiny", "messages": [{"role": "user", "content": "Hello!"}]}
FUNCTION: Json = {"type": "function", "function": {"name": "f"}}
GRAMMAR: Json = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}


def accepted(**changes: Any) -> bool:
    """Whether the plain request with these properties is accepted."""
    return component_accepts(REQUEST, PLAIN | changes)


def message_accepted(**message: Any) -> bool:
    return accepted(messages=[message])


def function(**changes: Any) -> list[Json]:
    return [{"type": "function", "function": {"name": "f", **changes}}]


def custom(**changes: Any) -> list[Json]:
    return [{"type": "custom", "custom": {"name": "c", **changes}}]


def test_a_request_needs_a_model_and_a_message() -> None:
    assert accepted()
    assert not component_accepts(REQUEST, {"messages": PLAIN["messages"]})
    assert not component_accepts(REQUEST, {"model": "parley-tiny"})
    assert not accepted(messages=[])
    assert not accepted(model="")


def test_an_unknown_parameter_is_refused() -> None:
    for name in ("top_k", "max_token", "Temperature"):
        assert not accepted(**{name: 1})


def test_an_unknown_key_in_a_message_is_accepted() -> None:
    assert message_accepted(role="user", content="Hi", annotations=[])
    assert message_accepted(role="assistant", content="Hi", reasoning_content="Hm")
    assert message_accepted(role="user", content=[{"type": "text", "text": "Hi", "extra": 1}])
    call = {"id": "1", "type": "function", "index": 0, "function": {"name": "f", "arguments": "", "x": 1}}
    assert message_accepted(role="assistant", tool_calls=[call])


@pytest.mark.parametrize(
    ("parameter", "known"),
    [
        ("tools", [FUNCTION]),
        ("tools", [{"type": "custom", "custom": {"name": "c"}}]),
        ("tools", [{"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}]),
        ("tools", [{"type": "custom", "custom": {"name": "c", "format": GRAMMAR}}]),
        ("tool_choice", FUNCTION),
        ("tool_choice", {"type": "custom", "custom": {"name": "c"}}),
        ("tool_choice", {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}),
        ("response_format", {"type": "text"}),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "n"}}),
        ("stream_options", {"include_usage": True}),
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("audio", {"voice": {"id": "v"}, "format": "wav"}),
        ("functions", [{"name": "f"}]),
        ("function_call", {"name": "f"}),
        ("prediction", {"type": "content", "content": "x"}),
        ("moderation", {"model": "m", "policy": {"input": {"mode": "score"}, "output": {"mode": "block"}}}),
        ("web_search_options", {"user_location": {"type": "approximate", "approximate": {"city": "Bonn"}}}),
        ("prompt_cache_options", {"mode": "implicit"}),
    ],
)
def test_an_unknown_key_at_any_depth_of_a_closed_parameter_is_refused(parameter: str, known: Any) -> None:
    def widened(value: Any) -> list[Any]:
        """The value with one unknown key, once for each object in it."""
        if isinstance(value, list):
            return [[wider] for wider in widened(value[0])] if value else []
        if not isinstance(value, dict):
            return []
        deeper = [{**value, key: wider} for key, each in value.items() for wider in widened(each)]
        return [{**value, "unknown": 1}, *deeper]

    assert accepted(**{parameter: known})
    variants = widened(known)
    assert variants
    assert [variant for variant in variants if accepted(**{parameter: variant})] == []


def test_what_the_caller_describes_in_json_schema_is_free() -> None:
    schema = {"type": "object", "x-anything": [1]}
    assert accepted(tools=function(parameters=schema))
    assert accepted(functions=[{"name": "f", "parameters": schema}])
    assert accepted(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}, "extra": 1}]}
    assert accepted(tool_choice={"type": "allowed_tools", "allowed_tools": allowed})


def test_null_is_accepted_for_every_property_that_may_be_left_out_and_for_no_other() -> None:
    tried = 0
    for name in (REQUEST, TEXT, EMBEDDING):
        for pointer, required in properties(f"/components/schemas/{name}"):
            # A turn that only calls tools has no content, and a function may have given nothing.
            may_be_null = not required or pointer.endswith("FunctionMessage/properties/content")
            assert accepts(pointer, None) == may_be_null, pointer
            tried += 1
    assert tried > 140


@pytest.mark.parametrize(
    ("name", "lowest", "highest", "step"),
    [
        ("temperature", 0, 2, 0.01),
        ("top_p", 0, 1, 0.01),
        ("frequency_penalty", -2, 2, 0.01),
        ("presence_penalty", -2, 2, 0.01),
        ("n", 1, 128, 1),
        ("top_logprobs", 0, 20, 1),
        ("seed", -(2**63), 2**63 - 1, 1),
    ],
)
def test_a_number_is_accepted_up_to_its_bounds_and_not_beyond(
    name: str, lowest: float, highest: float, step: float
) -> None:
    assert accepted(**{name: lowest})
    assert accepted(**{name: highest})
    assert not accepted(**{name: lowest - step})
    assert not accepted(**{name: highest + step})
    assert not accepted(**{name: True})
    assert not accepted(**{name: str(lowest)})


def test_no_tokens_at_all_is_a_limit_too() -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        assert accepted(**{name: 0})
        assert not accepted(**{name: -1})
        assert not accepted(**{name: 1.5})


def test_a_bias_is_a_whole_number_from_minus_100_to_100_under_any_key() -> None:
    assert accepted(logit_bias={"50256": -100, "foo": 100})
    for bias in (101, -101, 0.5, "1", None):
        assert not accepted(logit_bias={"1": bias})


def test_metadata_holds_16_pairs_of_64_and_512_characters() -> None:
    assert accepted(metadata={f"{index:064}": "v" * 512 for index in range(16)})
    assert not accepted(metadata={str(index): "v" for index in range(17)})
    assert not accepted(metadata={"k" * 65: "v"})
    assert not accepted(metadata={"k": "v" * 513})
    assert not accepted(metadata={"k": 1})


def test_128_tools_may_be_offered_and_none_too() -> None:
    for name, one in (("tools", FUNCTION), ("functions", {"name": "f"})):
        assert accepted(**{name: [one] * 128})
        assert not accepted(**{name: [one] * 129})
    assert accepted(tools=[])
    assert not accepted(functions=[])


@pytest.mark.parametrize("name", ["f", "get_weather-2", "A" * 64])
def test_a_good_name_is_accepted(name: str) -> None:
    assert accepted(tools=function(name=name))
    assert accepted(tools=custom(name=name))
    assert accepted(functions=[{"name": name}])
    assert accepted(response_format={"type": "json_schema", "json_schema": {"name": name}})


@pytest.mark.parametrize("name", ["", "a b", "a.b", "é", "A" * 65, "a/b"])
def test_a_bad_name_is_refused_where_it_is_given_but_not_where_it_is_chosen(name: str) -> None:
    assert not accepted(tools=function(name=name))
    assert not accepted(tools=custom(name=name))
    assert not accepted(functions=[{"name": name}])
    assert not accepted(response_format={"type": "json_schema", "json_schema": {"name": name}})
    assert accepted(tool_choice={"type": "function", "function": {"name": name}})
    assert accepted(tool_choice={"type": "custom", "custom": {"name": name}})
    assert accepted(function_call={"name": name})


def test_each_role_has_its_message() -> None:
    assert message_accepted(role="developer", content="Be brief.")
    assert message_accepted(role="system", content=[{"type": "text", "text": "Be brief."}], name="boss")
    assert message_accepted(role="user", content="Hi")
    assert message_accepted(role="assistant", content=None)
    assert message_accepted(role="tool", content="42", tool_call_id="1")
    assert message_accepted(role="function", content=None, name="f")
    assert not message_accepted(role="critic", content="Hi")
    assert not message_accepted(content="Hi")
    assert not message_accepted(role="tool", content="42")
    assert not message_accepted(role="function", content="42")


def test_only_an_assistant_may_be_silent() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    assert message_accepted(role="assistant", content=None, tool_calls=calls)
    assert message_accepted(role="assistant", tool_calls=calls)
    assert message_accepted(role="assistant", content=None, refusal=None, audio=None, function_call=None)
    for role in ("developer", "system", "user"):
        assert not message_accepted(role=role, content=None)
        assert not message_accepted(role=role)
        assert not message_accepted(role=role, content=[])
    assert not message_accepted(role="assistant", content=[])


def test_each_part_stands_where_openai_allows_it() -> None:
    parts: dict[str, Json] = {
        "text": {"type": "text", "text": "Hi"},
        "image_url": {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}},
        "input_audio": {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        "file": {"type": "file", "file": {"file_id": "f"}},
        "refusal": {"type": "refusal", "refusal": "No."},
    }
    allowed = {
        "developer": {"text"},
        "system": {"text"},
        "user": {"text", "image_url", "input_audio", "file"},
        "assistant": {"text", "refusal"},
        "tool": {"text"},
        "function": set[str](),
    }
    for role, kinds in allowed.items():
        needed = {"tool": {"tool_call_id": "1"}, "function": {"name": "f"}}.get(role, {})
        for kind, part in parts.items():
            assert message_accepted(role=role, content=[part], **needed) == (kind in kinds), (role, kind)


def test_a_choice_of_tools_has_six_forms() -> None:
    for choice in ("none", "auto", "required"):
        assert accepted(tool_choice=choice)
    assert accepted(tool_choice=FUNCTION)
    assert not accepted(tool_choice="any")
    assert not accepted(tool_choice={"type": "function"})
    for choice in ("none", "auto"):
        assert accepted(function_call=choice)
    assert not accepted(function_call="required")


def test_texts_to_stop_at_are_one_or_up_to_four() -> None:
    assert accepted(stop="\n")
    assert accepted(stop=["a"])
    assert accepted(stop=["a"] * 4)
    assert not accepted(stop=[])
    assert not accepted(stop=["a"] * 5)
    assert not accepted(stop=[None])


def test_an_answer_may_hold_fields_that_the_document_does_not_know() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "extra": {}}
    message = {"role": "assistant", "content": "Hi", "refusal": None, "reasoning_content": "Hm"}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop", "extra": 1}
    answer: Json = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "usage": usage}
    answer["choices"] = [choice]
    assert component_accepts("CreateChatCompletionResponse", {**answer, "timings": {}})
    for key in ("logprobs", "finish_reason"):
        short = {name: value for name, value in choice.items() if name != key}
        assert not component_accepts("CreateChatCompletionResponse", {**answer, "choices": [short]})


def test_a_chunk_may_have_no_choices_and_null_for_its_usage() -> None:
    chunk: Json = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunk |= {"choices": [], "usage": None}
    name = "CreateChatCompletionStreamResponse"
    assert component_accepts(name, {**chunk, "timings": {}})
    choice = {"index": 0, "delta": {}, "finish_reason": None, "logprobs": {"content": None, "refusal": None}}
    assert component_accepts(name, {**chunk, "choices": [choice]})
    assert component_accepts(name, {**chunk, "choices": [{**choice, "logprobs": None}]})
    assert not component_accepts(name, {**chunk, "choices": [{**choice, "logprobs": {"content": None}}]})
    assert not component_accepts(name, {**chunk, "choices": None})


@pytest.mark.parametrize(("name", "what"), [(TEXT, "prompt"), (EMBEDDING, "input")])
def test_texts_are_one_or_several_or_their_tokens(name: str, what: str) -> None:
    good: list[Any] = ["a", ["a"], ["a", "b"], [1, 2], [[1, 2], [3]]]
    bad: list[Any] = [[], [[]], ["a", 1], [1, [2]], [1.5], {"a": 1}, 1, None, [None]]
    assert [value for value in good if not component_accepts(name, {"model": "m", what: value})] == []
    assert [value for value in bad if component_accepts(name, {"model": "m", what: value})] == []
    assert not component_accepts(name, {"model": "m"})
    assert not component_accepts(name, {what: "a"})
    assert not component_accepts(name, {"model": "m", what: "a", "inputs": 1})


def test_2048_texts_may_be_embedded_at_a_time() -> None:
    assert component_accepts(EMBEDDING, {"model": "m", "input": ["a"] * 2048})
    assert not component_accepts(EMBEDDING, {"model": "m", "input": ["a"] * 2049})
    assert component_accepts(EMBEDDING, {"model": "m", "input": "a", "encoding_format": "base64", "dimensions": 1})
    assert not component_accepts(EMBEDDING, {"model": "m", "input": "a", "encoding_format": "int8"})
    assert not component_accepts(EMBEDDING, {"model": "m", "input": "a", "dimensions": 0})


@pytest.mark.parametrize(("name", "lowest", "highest"), [("logprobs", 0, 5), ("best_of", 0, 20), ("n", 1, 128)])
def test_a_number_of_a_completion_is_accepted_up_to_its_bounds(name: str, lowest: int, highest: int) -> None:
    for value, good in ((lowest, True), (highest, True), (lowest - 1, False), (highest + 1, False), (True, False)):
        assert component_accepts(TEXT, {"model": "m", "prompt": "a", name: value}) == good


def test_a_vector_is_numbers_or_a_text_and_a_choice_of_a_whole_completion_has_ended() -> None:
    vector = {"object": "embedding", "index": 0}
    for embedding, good in (([0.5, -1], True), ("AAAA", True), ([None], False), (1, False)):
        assert component_accepts("Embedding", {**vector, "embedding": embedding}) == good
    choice = {"index": 0, "text": "a", "logprobs": None, "finish_reason": None}
    assert component_accepts("CompletionStreamChoice", choice)
    assert not component_accepts("CompletionChoice", choice)
    assert component_accepts("CompletionChoice", {**choice, "finish_reason": "stop"})
    first = {"tokens": ["a"], "token_logprobs": [None], "top_logprobs": [None], "text_offset": [0]}
    assert component_accepts("CompletionLogprobs", first)
