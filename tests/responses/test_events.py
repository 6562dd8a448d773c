"""The events of a stream come in OpenAI's order, fit the contract, and come to the response that a whole answer is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from app.contract.document import Document
from app.contract.schemas import Schemas
from app.errors import ApiError, BadRequest, EngineUnavailable, RateLimited
from app.responses.events import ResponseWriter
from app.responses.output import response

from .asking import Json, asked, chunk, completion, function_delta, usage_chunk

LOGPROBS: Json = {
    "content": [
        {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "é", "logprob": -1.0}]},
    ],
    "refusal": None,
}


@pytest.fixture(scope="module")
def fits(document: Document) -> Any:
    schemas = Schemas(document, lazy=True)
    event = schemas.validator("/components/schemas/ResponseStreamEvent", "response")
    whole = schemas.validator("/components/schemas/Response", "response")
    return lambda value: (event if "sequence_number" in value else whole).is_valid(value)


def events(*chunks: Json, error: ApiError | None = None, **fields: Any) -> list[Json]:
    writer = ResponseWriter(asked(**fields))
    found = [event for each in chunks for event in writer.feed(each)]
    return found + (writer.end() if error is None else writer.fail(error)[:1])


def kinds(found: Sequence[Json]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def alike(value: Any, ids: dict[str, str] | None = None) -> Any:
    """The same but for its ids, which are numbered in their order, and the time of its end."""
    ids = {} if ids is None else ids
    if isinstance(value, dict):
        return {name: alike(inner, ids) for name, inner in value.items() if name != "completed_at"}
    if isinstance(value, list):
        return [alike(item, ids) for item in value]
    if isinstance(value, str) and re.fullmatch(r"(resp|msg|rs|fc|ctc)_[0-9a-f]{32}", value):
        return ids.setdefault(value, f"{value.partition('_')[0]} {len(ids)}")
    return value


ROLE = chunk(role="assistant", content="", refusal=None)


def test_a_text() -> None:
    found = events(ROLE, chunk(content="Hel"), chunk(content="lo"), chunk("stop"), usage_chunk())
    assert kinds(found) == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *("output_text.delta", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert found[0]["response"]["status"] == "in_progress"
    assert found[0]["response"]["output"] == []
    assert found[2]["item"]["content"] == []
    assert [event["delta"] for event in found if "delta" in event] == ["Hel", "lo"]
    assert found[6]["text"] == found[7]["part"]["text"] == "Hello"
    last = found[-1]["response"]
    assert last["output"] == [found[8]["item"]]
    assert (last["status"], last["usage"]["total_tokens"], last["incomplete_details"]) == ("completed", 7, None)
    assert {event["response"]["id"] for event in found if "response" in event} == {last["id"]}
    assert {event["item_id"] for event in found if "item_id" in event} == {last["output"][0]["id"]}


def test_thoughts_come_before_the_text_as_an_item_of_their_own() -> None:
    found = events(ROLE, chunk(reasoning_content="H"), chunk(reasoning_content="m"), chunk(content="a"), chunk("stop"))
    assert kinds(found)[2:] == [
        *("output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta"),
        *("reasoning_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done"),
        *("output_item.done", "completed"),
    ]
    thoughts, text = found[-1]["response"]["output"]
    assert thoughts["content"] == [{"type": "reasoning_text", "text": "Hm"}]
    assert (thoughts["summary"], thoughts["encrypted_content"]) == ([], None)
    assert text["content"][0]["text"] == "a"


def test_a_call_after_a_text() -> None:
    found = events(
        chunk(content="a"),
        chunk(tool_calls=[function_delta(0, "", name="f", call_id="call_1")]),
        chunk(tool_calls=[function_delta(0, "{")]),
        chunk(tool_calls=[function_delta(0, "}")]),
        chunk("tool_calls"),
    )
    assert kinds(found)[5:] == [
        *("output_text.done", "content_part.done", "output_item.done", "output_item.added"),
        *("function_call_arguments.delta", "function_call_arguments.delta", "function_call_arguments.done"),
        *("output_item.done", "completed"),
    ]
    item = found[-1]["response"]["output"][1]
    assert (item["call_id"], item["name"], item["arguments"], item["status"]) == ("call_1", "f", "{}", "completed")
    assert found[8]["item"] == {**item, "arguments": "", "status": "in_progress"}
    assert (found[11]["name"], found[11]["arguments"], found[11]["output_index"]) == ("f", "{}", 1)


def test_calls_may_be_filled_side_by_side() -> None:
    found = events(
        chunk(tool_calls=[function_delta(0, "", name="f", call_id="1"), function_delta(1, "[", name="g", call_id="2")]),
        chunk(tool_calls=[function_delta(0, "{}")]),
        chunk(tool_calls=[function_delta(1, "]")]),
        chunk("tool_calls"),
    )
    assert [(event["output_index"], event["delta"]) for event in found if "delta" in event] == [
        (0 + 1, "["),
        (0, "{}"),
        (1, "]"),
    ]
    assert [item["arguments"] for item in found[-1]["response"]["output"]] == ["{}", "[]"]


def test_a_call_of_a_custom_tool() -> None:
    first = {"index": 0, "id": "1", "type": "custom", "custom": {"name": "shell", "input": ""}}
    found = events(
        chunk(tool_calls=[first]), chunk(tool_calls=[{"index": 0, "custom": {"input": "ls"}}]), chunk("tool_calls")
    )
    assert kinds(found)[2:] == [
        *("output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done"),
        *("output_item.done", "completed"),
    ]
    assert found[-1]["response"]["output"][0]["input"] == "ls"


def test_a_refusal() -> None:
    found = events(ROLE, chunk(refusal="No"), chunk(refusal="."), chunk("stop"))
    assert kinds(found)[3:] == [
        *("content_part.added", "refusal.delta", "refusal.delta", "refusal.done", "content_part.done"),
        *("output_item.done", "completed"),
    ]
    assert found[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]


def test_an_answer_of_no_words_is_an_empty_message() -> None:
    found = events(ROLE, chunk("stop"))
    assert kinds(found)[2:] == [
        *("output_item.added", "content_part.added", "output_text.done", "content_part.done"),
        *("output_item.done", "completed"),
    ]
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == ""


@pytest.mark.parametrize(("reason", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_ends_too_early_is_incomplete_and_so_is_its_last_item(reason: str, why: str) -> None:
    found = events(ROLE, chunk(reasoning_content="Hm"), chunk(content="a"), chunk(reason))
    assert found[-1]["type"] == "response.incomplete"
    last = found[-1]["response"]
    assert (last["status"], last["incomplete_details"], last["completed_at"]) == ("incomplete", {"reason": why}, None)
    assert [item["status"] for item in last["output"]] == ["completed", "incomplete"]
    assert found[-2]["item"] == last["output"][-1]
    calls = [function_delta(0, "{}", name="f", call_id="1"), function_delta(1, "{", name="f", call_id="2")]
    last = events(chunk(tool_calls=calls), chunk(reason))[-1]["response"]
    assert [item["status"] for item in last["output"]] == ["completed", "incomplete"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EngineUnavailable("The model died."), "server_error"),
        (RateLimited("Too many."), "rate_limit_exceeded"),
        (BadRequest("It does not fit."), "invalid_prompt"),
    ],
)
def test_a_failure_in_the_middle_ends_the_stream_with_what_was_complete(error: ApiError, code: str, fits: Any) -> None:
    found = events(ROLE, chunk(reasoning_content="Hm"), chunk(content="a"), error=error)
    assert kinds(found)[-2:] == ["output_text.delta", "failed"]
    last = found[-1]["response"]
    assert (last["status"], last["error"]) == ("failed", {"code": code, "message": error.message})
    assert [item["type"] for item in last["output"]] == ["reasoning"]
    assert fits(found[-1])


def test_a_failure_may_be_told_without_what_was_complete_and_its_number_follows_what_was_sent() -> None:
    writer = ResponseWriter(asked())
    assert writer.fail(EngineUnavailable("It died.")) == [], "there is no response yet"
    made = [event for each in (ROLE, chunk(reasoning_content="Hm"), chunk(content="a")) for event in writer.feed(each)]
    writer.sent = len(made) - 1
    fuller, plain = writer.fail(EngineUnavailable("It died."))
    assert fuller["sequence_number"] == plain["sequence_number"] == made[-1]["sequence_number"]
    assert [item["type"] for item in fuller["response"]["output"]] == ["reasoning"]
    assert plain["response"]["output"] == []


def test_deltas_are_padded_when_that_is_asked_for() -> None:
    texts = [chunk(content="a"), chunk(content="a much longer text than the other"), chunk("stop")]
    padded = [event for event in events(*texts, stream_options={"include_obfuscation": True}) if "delta" in event]
    assert len({len(event["delta"] + event["obfuscation"]) for event in padded}) == 1
    assert not any("obfuscation" in event for event in events(*texts))


def test_log_probabilities_come_with_their_text() -> None:
    found = events(chunk(content="Hi", logprobs=LOGPROBS), chunk("stop"))
    told = [
        {
            "token": "Hi",
            "logprob": -0.5,
            "bytes": [72, 105],
            "top_logprobs": [{"token": "é", "logprob": -1.0, "bytes": [195, 169]}],
        }
    ]
    by_kind = dict(zip(kinds(found), found, strict=True))
    assert by_kind["output_text.delta"]["logprobs"] == by_kind["output_text.done"]["logprobs"] == told
    assert by_kind["content_part.done"]["part"]["logprobs"] == told


CALLS = [
    {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    {"id": "2", "type": "custom", "custom": {"name": "shell", "input": "ls"}},
]
ANSWERS: list[Json] = [
    {"content": "Hi"},
    {"content": "Hi", "logprobs": LOGPROBS},
    {"content": ""},
    {"content": None, "refusal": "No."},
    {"content": "Hi", "refusal": "No."},
    {"content": "Hi", "reasoning_content": "Hm"},
    {"content": None, "tool_calls": CALLS},
    {"content": "Hi", "reasoning_content": "Hm", "tool_calls": CALLS},
]


@pytest.mark.parametrize("reason", ["stop", "length"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_stream_comes_to_the_response_that_a_whole_answer_is(answer: Json, reason: str, fits: Any) -> None:
    fields: Json = {"instructions": "Be brief.", "metadata": {"a": "b"}, "reasoning": {"effort": "low"}}
    logprobs, message = answer.get("logprobs"), {name: each for name, each in answer.items() if name != "logprobs"}
    whole = response(asked(**fields), completion(reason, logprobs=logprobs, **message))
    assert fits(whole)
    chunks = [ROLE]
    for name in ("reasoning_content", "content", "refusal"):
        if text := message.get(name):
            # Letter by letter, the probabilities with the last.
            chunks += [chunk(**{name: letter}) for letter in text[:-1]]
            chunks.append(chunk(**{name: text[-1]}, logprobs=logprobs))
    for call, index in zip(message.get("tool_calls", ()), count()):
        chunks.append(chunk(tool_calls=[{"index": index, **call}]))
    found = events(*chunks, chunk(reason), usage_chunk(), **fields)
    assert alike(found[-1]["response"]) == alike(whole)
    assert [event for event in found if not fits(event)] == []
    done = {event["output_index"]: event["item"] for event in found if event["type"] == "response.output_item.done"}
    assert [done[index] for index in sorted(done)] == found[-1]["response"]["output"]


def test_citations_of_an_engine_that_searches_the_web_are_annotations(fits: Any) -> None:
    citation = {"start_index": 0, "end_index": 2, "url": "https://example.org", "title": "An example"}
    annotations = [{"type": "url_citation", "url_citation": citation}]
    whole = response(asked(), completion(content="Hi", annotations=annotations))
    assert fits(whole)
    assert whole["output"][0]["content"][0]["annotations"] == [{"type": "url_citation", **citation}]
