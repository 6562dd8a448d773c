"""Answers that stray from the API: mended and counted where it is certain what was meant, else refused as the
upstream's fault. All go through the whole application, and what it answers fits the contract."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from app.engines.dialects.drift import Drift
from app.engines.transport.events import MISSING_DONE
from app.jsontypes import Json

from ..chunks import ROLE, chunk, completion, last_chunk
from ..scripted_replicas import Whole
from .peers import Front, error_of, text_of

Make = Callable[..., Front]

CALL = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": '{"zone":"UTC"}'}}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("get_time", "get_weather")]
ENTRY = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}


def message(**fields: Any) -> Json:
    return {"message": {"role": "assistant", "content": "Hi.", "refusal": None, **fields}}


def calling(*calls: Any, reason: str = "tool_calls") -> Json:
    return {**message(content=None, tool_calls=list(calls)), "finish_reason": reason}


def without(value: Json, *names: str) -> Json:
    return {name: member for name, member in value.items() if name not in names}


def test_an_answer_without_a_fault_needs_no_mending(scripted: Make) -> None:
    front = scripted(completion())
    answer = front.ask()
    assert answer["choices"] == completion({**message(annotations=[])})["choices"]
    assert answer["usage"]["total_tokens"] == 5
    assert front.engine.drift.counts == {}


def test_a_stream_without_a_fault_needs_no_mending(scripted: Make) -> None:
    front = scripted(
        events=[chunk(ROLE), chunk({"content": "Hi"}), chunk({"content": "."}), chunk({}, "stop"), last_chunk()]
    )
    chunks = front.stream(stream_options={"include_usage": True})
    assert [each["choices"][0]["delta"] for each in chunks[:-1]] == [ROLE, {"content": "Hi"}, {"content": "."}, {}]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 5
    assert {each["usage"] is None for each in chunks[:-1]} == {True}
    assert front.engine.drift.counts == {}


# A fault in a whole answer, its kind, and a path to what the client gets instead.
WHOLE: dict[str, tuple[Json, str, tuple[Any, ...], Any]] = {
    "no refusal": (
        completion({"message": {"role": "assistant", "content": "Hi."}}),
        "refusal_missing",
        ("choices", 0, "message", "refusal"),
        None,
    ),
    "content in parts": (
        completion(message(content=[{"type": "text", "text": "Hi"}, {"type": "text", "text": "."}])),
        "content_in_parts",
        ("choices", 0, "message", "content"),
        "Hi.",
    ),
    "reasoning by its other name": (
        completion(message(reasoning="Hm.")),
        "reasoning_renamed",
        ("choices", 0, "message", "reasoning_content"),
        "Hm.",
    ),
    "empty list of calls": (
        completion(message(tool_calls=[])),
        "tool_calls_empty",
        ("choices", 0, "finish_reason"),
        "stop",
    ),
    "null for calls": (
        completion(message(tool_calls=None)),
        "tool_calls_null",
        ("choices", 0, "finish_reason"),
        "stop",
    ),
    "null for the old call": (
        completion(message(function_call=None)),
        "function_call_null",
        ("choices", 0, "finish_reason"),
        "stop",
    ),
    "null for audio": (completion(message(audio=None)), "audio_null", ("choices", 0, "finish_reason"), "stop"),
    "null for annotations": (
        completion(message(annotations=None)),
        "annotations_null",
        ("choices", 0, "message", "annotations"),
        [],
    ),
    "no index": (completion({"index": None}), "index_missing", ("choices", 0, "index"), 0),
    "created as a float": (
        completion(created=1.5),
        "created_no_integer",
        ("object",),
        "chat.completion",
    ),
    "another object": (completion(object="text_completion"), "object_wrong", ("object",), "chat.completion"),
    "no id": (without(completion(), "id"), "id_missing", ("model",), "our-model"),
    "no model": (without(completion(), "model"), "model_missing", ("model",), "our-model"),
    "no usage": (without(completion(), "usage"), "usage_missing", ("object",), "chat.completion"),
    "usage without details": (
        completion(
            usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": None}
        ),
        "usage_without_details",
        ("usage", "prompt_tokens_details"),
        {"cached_tokens": 0, "audio_tokens": 0},
    ),
    "usage without a total": (
        completion(usage=without(completion()["usage"], "total_tokens")),
        "usage_without_total",
        ("usage", "total_tokens"),
        5,
    ),
    "llama.cpp's timings": (completion(timings={"n": 1}), "extra_field.timings", ("object",), "chat.completion"),
    "vLLM's prompt_logprobs": (
        completion(prompt_logprobs=None),
        "extra_field.prompt_logprobs",
        ("object",),
        "chat.completion",
    ),
    "a field that nobody knows": (completion(secret_sauce=1), "extra_field.other", ("object",), "chat.completion"),
    "vLLM's stop_reason": (
        completion({"stop_reason": None}),
        "extra_field.stop_reason",
        ("choices", 0, "finish_reason"),
        "stop",
    ),
    "token ids in the message": (
        completion(message(token_ids=[1])),
        "extra_field.token_ids",
        ("choices", 0, "message", "content"),
        "Hi.",
    ),
    "log probabilities that nobody asked for": (
        completion({"logprobs": {"content": [ENTRY], "refusal": None}}),
        "logprobs_unasked",
        ("choices", 0, "logprobs"),
        None,
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_fault_of_a_whole_answer_is_mended_and_counted(scripted: Make, name: str) -> None:
    answer, kind, path, expected = WHOLE[name]
    front = scripted(answer)
    found: Any = front.ask()
    for step in path:
        found = found[step]
    assert found == expected
    assert front.engine.drift.counts[kind] >= 1
    assert set(front.engine.drift.counts) == {kind}


# A fault in a tool call of a whole answer, its kind, and the call that the client gets.
CALLS: dict[str, tuple[Json, str, Json]] = {
    "arguments as an object": (
        {**CALL, "function": {"name": "get_time", "arguments": {"zone": "Zürich"}}},
        "arguments_no_text",
        {**CALL, "function": {"name": "get_time", "arguments": '{"zone": "Zürich"}'}},
    ),
    "no arguments": (
        {**CALL, "function": {"name": "get_time"}},
        "arguments_missing",
        {**CALL, "function": {"name": "get_time", "arguments": "{}"}},
    ),
    "no type": (without(CALL, "type"), "call_type_missing", CALL),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_fault_of_a_tool_call_is_mended_and_counted(scripted: Make, name: str) -> None:
    call, kind, expected = CALLS[name]
    front = scripted(completion(calling(call)))
    assert front.ask(tools=TOOLS)["choices"][0]["message"]["tool_calls"] == [expected]
    assert front.engine.drift.counts == {kind: 1}


def test_calls_without_ids_get_some_of_their_own(scripted: Make) -> None:
    front = scripted(completion(calling({**CALL, "id": None}, without(CALL, "id"))))
    first, second = front.ask(tools=TOOLS)["choices"][0]["message"]["tool_calls"]
    assert first["id"].startswith("call_")
    assert second["id"].startswith("call_")
    assert first["id"] != second["id"]
    assert front.engine.drift.counts == {"call_id_missing": 2}


def test_an_answer_with_calls_says_that_it_ended_for_them(scripted: Make) -> None:
    front = scripted(completion(calling(CALL, reason="stop")))
    assert front.ask(tools=TOOLS)["choices"][0]["finish_reason"] == "tool_calls"
    assert front.engine.drift.counts == {"finish_reason_stop_for_calls": 1}


def test_empty_content_beside_calls_is_none(scripted: Make) -> None:
    choice = calling(CALL)
    choice["message"]["content"] = ""
    assert scripted(completion(choice)).ask(tools=TOOLS)["choices"][0]["message"]["content"] is None


def test_log_probabilities_have_what_the_api_lists_and_as_many_alternatives_as_asked_for(scripted: Make) -> None:
    others = [{"token": token, "logprob": -1.0, "bytes": None, "id": 7} for token in "abc"]
    front = scripted(completion({"logprobs": {"content": [{**ENTRY, "id": 1, "top_logprobs": others}]}}))
    logprobs = front.ask(logprobs=True, top_logprobs=2)["choices"][0]["logprobs"]
    assert logprobs["refusal"] is None
    assert logprobs["content"] == [{**ENTRY, "top_logprobs": [without(other, "id") for other in others[:2]]}]
    assert front.engine.drift.counts == {"logprobs_without_refusal": 1, "top_logprobs_too_many": 1}


def test_a_probability_of_nothing_is_a_number_in_json(scripted: Make) -> None:
    text = json.dumps(completion({"logprobs": {"content": [{**ENTRY, "logprob": float("-inf")}], "refusal": None}}))
    front = scripted(text.encode())
    assert "-Infinity" in text
    assert front.ask(logprobs=True)["choices"][0]["logprobs"]["content"][0]["logprob"] == -9999.0


# Faults in a stream: the events, what is counted, and the deltas and reasons that the client gets.
DONE_WELL = [({"content": "Hi"}, None), ({}, "stop")]
STREAMS: dict[str, tuple[list[Any], set[str], list[Any]]] = {
    "null in the role chunk": (
        [chunk({"role": "assistant", "content": None}), chunk({"content": "Hi"}), chunk({}, "stop"), last_chunk()],
        {"role_chunk_content_null"},
        DONE_WELL,
    ),
    "no role chunk": ([chunk({"content": "Hi"}), chunk({}, "stop"), last_chunk()], {"role_chunk_missing"}, DONE_WELL),
    "no [DONE]": (
        [chunk(ROLE), chunk({"content": "Hi"}), chunk({}, "stop"), last_chunk(), MISSING_DONE],
        {"done_missing"},
        DONE_WELL,
    ),
    "the reason on the last delta": (
        [chunk(ROLE), chunk({"content": "Hi"}, "stop"), last_chunk()],
        {"finish_reason_on_a_delta"},
        DONE_WELL,
    ),
    "an empty reason": (
        [chunk(ROLE), chunk({"content": "Hi"}, ""), chunk({}, "stop"), last_chunk()],
        {"finish_reason_empty"},
        DONE_WELL,
    ),
    "the reason twice": (
        [chunk(ROLE), chunk({"content": "Hi"}), chunk({}, "stop"), chunk({}, "stop"), last_chunk()],
        {"finish_reason_repeated"},
        DONE_WELL,
    ),
    "no index": (
        [chunk(ROLE), chunk({"content": "Hi"}, index=None), chunk({}, "stop"), last_chunk()],
        {"index_missing"},
        DONE_WELL,
    ),
    "no delta": (
        [
            chunk(ROLE),
            chunk({"content": "Hi"}),
            {**chunk(), "choices": [{"index": 0, "finish_reason": "stop"}]},
            last_chunk(),
        ],
        {"delta_missing"},
        DONE_WELL,
    ),
    "reasoning by its other name": (
        [chunk(ROLE), chunk({"reasoning": "Hm."}), chunk({"content": "Hi"}), chunk({}, "stop"), last_chunk()],
        {"reasoning_renamed"},
        [({"reasoning_content": "Hm."}, None), *DONE_WELL],
    ),
    "vendor's fields": (
        [
            {**chunk(ROLE), "prompt_token_ids": None},
            chunk({"content": "Hi"}, token_ids=None),
            {**chunk({}, "stop", stop_reason=None), "timings": {}},
            last_chunk(),
        ],
        {"extra_field.prompt_token_ids", "extra_field.token_ids", "extra_field.stop_reason", "extra_field.timings"},
        DONE_WELL,
    ),
    "null in a spoken answer": (
        [
            chunk(ROLE),
            chunk({"audio": {"id": "a", "data": None, "transcript": "Hi"}}),
            chunk({"content": "Hi"}),
            chunk({}, "stop"),
            last_chunk(),
        ],
        {"audio_null"},
        [({"audio": {"id": "a", "transcript": "Hi"}}, None), *DONE_WELL],
    ),
    "no usage": ([chunk(ROLE), chunk({"content": "Hi"}), chunk({}, "stop")], {"usage_missing"}, DONE_WELL),
    "created as a float": (
        [{**chunk(ROLE), "created": 1.5}, chunk({"content": "Hi"}), chunk({}, "stop"), last_chunk()],
        {"created_no_integer"},
        DONE_WELL,
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_fault_of_a_stream_is_mended_and_counted(scripted: Make, name: str) -> None:
    events, kinds, expected = STREAMS[name]
    front = scripted(events=events)
    first, *rest = (each["choices"][0] for each in front.stream())
    assert first["delta"] == ROLE
    assert [(choice["delta"], choice["finish_reason"]) for choice in rest] == expected
    assert set(front.engine.drift.counts) == kinds


def test_a_spoken_answer_is_streamed_and_may_tell_after_its_end_until_when_it_is_kept(scripted: Make) -> None:
    told: list[Json] = [{"id": "a"}, {"transcript": "Hi"}, {"data": "AA=="}, {"data": "AAA="}]
    last = {**chunk(), "choices": [{"index": 0, "delta": {"audio": {"expires_at": 1_800_000_000}}}]}
    front = scripted(
        events=[chunk(ROLE), *(chunk({"audio": part}) for part in told), chunk({}, "stop"), last, last_chunk()]
    )
    _, *rest = (each["choices"][0] for each in front.stream())
    assert [choice["delta"].get("audio") for choice in rest] == [*told, None, {"expires_at": 1_800_000_000}]
    assert [choice["finish_reason"] for choice in rest] == [*[None] * 4, "stop", None]
    assert front.engine.drift.counts == {}


def test_usage_on_every_chunk_is_told_once_and_the_last(scripted: Make) -> None:
    usages = [{**chunk({"content": "a"}), "usage": {**last_chunk()["usage"], "completion_tokens": n}} for n in range(3)]
    front = scripted(events=[chunk(ROLE), *usages, chunk({}, "stop"), last_chunk()])
    chunks = front.stream(stream_options={"include_usage": True})
    assert [each["usage"] for each in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["usage"]["completion_tokens"] == 2


def streamed_calls(chunks: list[Json]) -> dict[int, Json]:
    """The calls of a stream as a client puts them together."""
    calls: dict[int, Json] = {}
    for choice in (choice for each in chunks for choice in each["choices"]):
        for fragment in choice["delta"].get("tool_calls", ()):
            call = calls.setdefault(fragment["index"], {"ids": [], "name": "", "arguments": ""})
            call["ids"] += [fragment["id"]] if "id" in fragment else []
            call["name"] += fragment["function"].get("name", "")
            call["arguments"] += fragment["function"].get("arguments", "")
    return calls


def fragments(*calls: Json) -> list[Json]:
    return [chunk(ROLE), *(chunk({"tool_calls": [call]}) for call in calls), chunk({}, "tool_calls"), last_chunk()]


def test_a_call_that_is_named_in_each_fragment_is_named_once(scripted: Make) -> None:
    again = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": ""}}
    begin = {**again, "function": {"name": "get_time", "arguments": "{"}}
    more = {**again, "id": "call_other", "function": {"name": None, "arguments": "}"}}
    front = scripted(events=fragments(begin, again, more))
    assert streamed_calls(front.stream(tools=TOOLS)) == {0: {"ids": ["call_1"], "name": "get_time", "arguments": "{}"}}
    assert front.engine.drift.counts == {"call_named_again": 2}


def test_calls_that_all_have_the_index_0_are_told_apart_by_their_ids(scripted: Make) -> None:
    events = fragments({"index": 0, **CALL}, {"index": 0, **CALL, "id": "call_2"})
    found = streamed_calls(scripted(events=events).stream(tools=TOOLS))
    assert [call["ids"] for call in found.values()] == [["call_1"], ["call_2"]]


def test_streamed_calls_without_index_or_id_get_both(scripted: Make) -> None:
    nameless = {"function": {"arguments": {"zone": "UTC"}, "name": "get_time"}}
    front = scripted(events=fragments(nameless, nameless))
    found = streamed_calls(front.stream(tools=TOOLS))
    assert [call["arguments"] for call in found.values()] == ['{"zone": "UTC"}'] * 2
    assert len({call["ids"][0] for call in found.values()}) == 2
    assert {"call_index_missing", "call_id_missing", "arguments_no_text"} <= set(front.engine.drift.counts)


def test_a_stream_with_calls_says_that_it_ended_for_them(scripted: Make) -> None:
    events = [chunk(ROLE), chunk({"tool_calls": [{"index": 0, **CALL}]}), chunk({}, "stop"), last_chunk()]
    assert scripted(events=events).stream(tools=TOOLS)[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_whole_answer_to_a_request_for_a_stream_is_streamed(scripted: Make) -> None:
    answer = Whole(json.dumps(completion(calling(CALL))).encode())
    front = scripted(events=[answer])
    chunks = front.stream(tools=TOOLS, stream_options={"include_usage": True})
    assert streamed_calls(chunks) == {0: {"ids": ["call_1"], "name": "get_time", "arguments": '{"zone":"UTC"}'}}
    assert chunks[-1]["usage"]["total_tokens"] == 5
    assert front.engine.drift.counts == {"whole_for_stream": 1}


UNUSABLE: dict[str, Any] = {
    "no JSON": b"<html>",
    "no object": [],
    "no choices": without(completion(), "choices"),
    "an empty list of choices": completion() | {"choices": []},
    "a choice that is none": completion() | {"choices": [1]},
    "a message that is none": completion({"message": "Hi."}),
    "content of another type": completion(message(content=7)),
    "no reason for the end": completion({"finish_reason": None}),
    "a reason that the contract does not have": completion({"finish_reason": "eos"}),
    "a call that is none": completion(calling(7)),
    "more choices than asked for": completion() | {"choices": completion()["choices"] * 2},
    "half a surrogate pair": json.dumps(completion(message(content="\ud800"))).encode(),
    "a number beyond all floats": json.dumps(completion(message(annotations=[{"n": 0.5}]))).replace("0.5", "1e999"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_mended_is_the_upstreams_fault(scripted: Make, name: str) -> None:
    error = error_of(scripted(UNUSABLE[name]).post(tools=TOOLS), 502)
    assert error["code"] == "upstream_error"
    assert "Hi." not in error["message"]


SENSELESS: list[Any] = [
    b"{",
    [1],
    {"object": "chat.completion.chunk"},
    {**chunk({"content": "a"}), "choices": 7},
    {**chunk({"content": "a"}), "choices": [7]},
    chunk({"content": "a"}, index=1),
    chunk({"tool_calls": [{"index": 0}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}),
]
# These are found by the contract's check.
IMPOSSIBLE = [chunk({"content": 7}), chunk({"content": "a"}, "eos"), chunk({"role": "assistant", "refusal": []})]


@pytest.mark.parametrize("event", SENSELESS, ids=str)
def test_a_stream_that_begins_with_what_cannot_be_mended_is_an_http_error(scripted: Make, event: Any) -> None:
    assert error_of(scripted(events=[event]).post(stream=True), 502)["code"] == "upstream_error"


@pytest.mark.parametrize("event", SENSELESS + IMPOSSIBLE, ids=str)
def test_an_event_that_cannot_be_mended_ends_the_stream_with_an_error(scripted: Make, event: Any) -> None:
    events = scripted(events=[chunk(ROLE), chunk({"content": "Well"}), event, chunk({}, "stop")]).events()
    assert text_of(events[:2]) == "Well"
    assert events[-1]["error"]["code"] == "upstream_error"
    assert not any(each["choices"][0]["finish_reason"] for each in events[:-1])


@pytest.mark.parametrize(
    "form", [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "a"}}], ids=str
)
def test_a_text_where_json_was_asked_for_is_not_passed_on_as_an_answer(scripted: Make, form: Json) -> None:
    stream = [chunk(ROLE), chunk({"content": "Hi"}), chunk({"content": "."}), chunk({}, "stop"), last_chunk()]
    front = scripted(completion(), stream)
    assert error_of(front.post(response_format=form), 502)["code"] == "upstream_error"
    assert front.events(response_format=form)[-1]["error"]["code"] == "upstream_error"
    cut = scripted(completion({"finish_reason": "length"}))
    assert cut.ask(response_format=form)["choices"][0]["message"]["content"] == "Hi."


def test_a_stream_that_ends_without_a_reason_ends_with_an_error(scripted: Make) -> None:
    events = scripted(events=[chunk(ROLE), chunk({"content": "Well"})]).events()
    assert text_of(events[:-1]) == "Well"
    assert events[-1]["error"]["code"] == "upstream_error"


def test_a_stream_that_goes_on_after_its_end_ends_with_an_error(scripted: Make) -> None:
    events = scripted(events=[chunk(ROLE), chunk({}, "stop"), chunk({"content": "more"})]).events()
    assert events[-1]["error"]["code"] == "upstream_error"


@pytest.mark.parametrize("event", [{"error": {"message": "busy", "code": 503}}, {"error": "out of memory"}], ids=str)
def test_an_error_in_the_middle_of_a_stream_is_told_as_one(scripted: Make, event: Json) -> None:
    events = scripted(events=[chunk(ROLE), chunk({"content": "Well"}), event]).events()
    assert text_of(events[:-1]) == "Well"
    assert set(events[-1]["error"]) == {"message", "type", "param", "code"}


ERRORS: list[tuple[Json, int, str | None]] = [
    ({"error": {"message": "Wrong.", "type": "BadRequestError", "param": None, "code": 400}}, 400, "400"),
    ({"object": "error", "message": "Wrong.", "type": "BadRequestError", "code": 400}, 400, "400"),
    ({"error": {"code": 400, "type": "exceed_context_size_error"}}, 400, "context_length_exceeded"),
    (
        {"error": {"message": "This model's maximum context length is 10 tokens.", "code": 400}},
        400,
        "context_length_exceeded",
    ),
    ({"error": {"message": "Loading", "code": 503}}, 503, "engine_unavailable"),
    ({"error": "boom"}, 502, "upstream_error"),
    ({"error": {"message": "boom", "code": "weird"}}, 502, "upstream_error"),
]


@pytest.mark.parametrize(("body", "status", "code"), ERRORS, ids=str)
def test_an_error_that_came_with_200_is_told_as_one(scripted: Make, body: Json, status: int, code: str | None) -> None:
    front = scripted(body, [body])
    assert error_of(front.post(), status)["code"] == code
    assert error_of(front.post(stream=True), status)["code"] == code


@pytest.mark.parametrize("fields", [{"code": 400}, {"code": "unsupported_parameter"}], ids=str)
@pytest.mark.parametrize("text", ["No good at {}.", "The maximum context length at {} is 10 tokens."])
def test_an_error_that_came_with_200_does_not_tell_the_upstreams_address(
    scripted: Make, text: str, fields: Json
) -> None:
    secret = "http://127.0.0.1:9/v1"  # that of the scripted upstream
    event = {"error": {"message": text.format(secret), "param": secret, **fields}}
    front = scripted(event, [event])
    for error in (error_of(front.post(), 400), error_of(front.post(stream=True), 400)):
        assert error["message"] == text.format("…")
        assert error["param"] in ("…", "messages")
    late = scripted(events=[chunk(ROLE), event]).events()[-1]["error"]
    assert late["message"] == text.format("…")


def test_an_error_that_came_with_200_tells_when_to_ask_again(scripted: Make) -> None:
    answer = scripted({"error": {"message": "busy", "code": 429}}).post()
    assert (error_of(answer, 429)["code"], answer.headers["retry-after"]) == ("rate_limit_exceeded", "1")


def test_a_tool_that_is_called_although_none_was_given_is_no_answer(scripted: Make) -> None:
    events = [chunk(ROLE), chunk({"tool_calls": [{"index": 0, **CALL}]}), chunk({}, "tool_calls"), last_chunk()]
    front = scripted(completion(calling(CALL)), events)
    assert "was not given" in error_of(front.post(), 502)["message"]
    assert "was not given" in front.events()[-1]["error"]["message"]


def test_drift_is_told_once_a_minute_and_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    drift = Drift("theirs", clock=lambda: now)
    caplog.set_level(logging.INFO, "parley")
    logger = logging.getLogger("parley")
    logger.addHandler(caplog.handler)
    try:
        drift.tell()
        drift.count("id_missing")
        drift.tell()
        drift.count("id_missing")
        drift.count("index_missing")
        drift.tell()
        now = 61.0
        drift.tell()
        drift.count("id_missing")
        drift.tell(last=True)
        drift.tell(last=True)
    finally:
        logger.removeHandler(caplog.handler)
    told = [record.getMessage().partition("answers: ")[2] for record in caplog.records]
    assert list(dict.fromkeys(told)) == ["id_missing 1", "id_missing 1, index_missing 1"]
    assert drift.counts == {"id_missing": 3, "index_missing": 1}
