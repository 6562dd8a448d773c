"""What llama.cpp's streams have beyond the API: thoughts are counted, log probabilities come with their text, a token
that nobody asked for is not seen, and an answer ends at stop sequences of which llama.cpp was not told."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from app.engines.asked import Asked
from app.engines.base import Delta, Facts, Logprobs, StreamItem, TokenLogprob, usage_of
from app.engines.dialects.drift import Drift
from app.engines.dialects.llama_cpp import errors
from app.engines.dialects.llama_cpp.reader import LlamaReader, as_event
from app.errors import ServerError, UpstreamFailed
from app.jsontypes import Json

from ..chunks import ROLE, chunk, completion, last_chunk

Told = list[StreamItem]


def reader(asked: Asked | None = None, **options: Any) -> LlamaReader:
    return LlamaReader(asked or Asked(), Drift(""), **options)


def timed(delta: Json, predicted: int, reason: str | None = None, **fields: Any) -> Json:
    """A chunk with the number of tokens made so far."""
    return {**chunk(delta, reason, **fields), "timings": {"cache_n": 2, "prompt_n": 3, "predicted_n": predicted}}


def entry(token: str) -> TokenLogprob:
    return {"token": token, "logprob": -0.5, "bytes": list(token.encode()), "top_logprobs": []}


def probable(*tokens: str) -> Logprobs:
    return {"content": [entry(token) for token in tokens], "refusal": None}


def told(reading: LlamaReader, *events: Json) -> Told:
    return [delta for event in events for delta in reading.feed(json.dumps(event).encode())]


def texts(deltas: Told) -> list[tuple[Any, list[str] | None]]:
    """The members and the tokens of each delta."""
    return [
        (delta.message, None if delta.logprobs is None else [e["token"] for e in delta.logprobs["content"] or ()])
        for delta in deltas
        if isinstance(delta, Delta)
    ]


def usage(*deltas: Facts | Delta) -> Any:
    return next(each["usage"] for each in deltas if isinstance(each, dict) and "usage" in each)


def test_a_delta_without_anything_is_left_out() -> None:
    assert texts(told(reader(), timed(ROLE, 0), timed({"content": "Hi"}, 1), timed({"content": ""}, 1))) == [
        ({"content": "Hi"}, None),
        ({"content": ""}, None),  # an event of text alone is not looked into
    ]


def test_the_usage_so_far_comes_before_each_piece_where_it_is_asked_for() -> None:
    events = [timed(ROLE, 0), timed({"content": "Hi"}, 1), timed({"content": " you"}, 2), timed({}, 2, "stop")]
    items = told(reader(Asked(counts=True)), *events)
    counted = [item["usage"]["completion_tokens"] for item in items if isinstance(item, dict) and "usage" in item]
    assert counted == [0, 1, 2, 2]
    assert usage(*items)["prompt_tokens"] == 5
    assert texts(items)[:2] == [({"content": "Hi"}, None), ({"content": " you"}, None)]
    assert not any(isinstance(item, dict) and "usage" in item for item in told(reader(), *events))


def test_thoughts_are_counted_up_to_the_last_of_them() -> None:
    reading = reader()
    thoughts = [timed({"reasoning_content": text}, count) for count, text in ((1, "Well"), (4, ", yes"))]
    told(reading, chunk(ROLE), *thoughts, timed({"content": "Yes."}, 6), timed({}, 7, "stop"), last_chunk())
    assert reading.uncounted == ""
    assert usage(*reading.end())["completion_tokens_details"]["reasoning_tokens"] == 2, "no more than all tokens"
    long = {**last_chunk(), "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}
    reading = reader()
    told(reading, chunk(ROLE), *thoughts, timed({"content": "Yes."}, 6), timed({}, 7, "stop"), long)
    assert usage(*reading.end())["completion_tokens_details"]["reasoning_tokens"] == 4


@pytest.mark.parametrize(
    "last", [timed({"reasoning_content": "b", "content": "c"}, 5), chunk({"reasoning_content": "b"})], ids=str
)
def test_thoughts_whose_number_cannot_be_known_are_given_to_be_counted(last: Json) -> None:
    reading = reader()
    told(reading, chunk(ROLE), timed({"reasoning_content": "a"}, 1), last, timed({}, 7, "stop"))
    told(reading, {**last_chunk(), "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}})
    assert reading.uncounted == "ab"
    assert usage(*reading.end(3))["completion_tokens_details"]["reasoning_tokens"] == 3


def test_log_probabilities_wait_for_the_text_that_they_are_of() -> None:
    events = [
        chunk(ROLE),
        timed({}, 1, logprobs=probable("\xe2")),  # the beginning of a character is no text yet
        timed({"content": "€"}, 2, logprobs=probable("\xac")),
        timed({"content": "."}, 3, logprobs=probable(".")),
    ]
    assert texts(told(reader(Asked(alternatives=0)), *events)) == [
        ({"content": "€"}, ["\xe2", "\xac"]),
        ({"content": "."}, ["."]),
    ]


def test_log_probabilities_of_thoughts_and_of_their_tags_are_left_out() -> None:
    events = [
        chunk(ROLE),
        timed({"reasoning_content": "Hm"}, 1, logprobs=probable("Hm")),
        timed({}, 2, logprobs=probable("</think>")),
        timed({"content": "Yes"}, 3, logprobs=probable("\n", "Yes")),
        timed({"content": "."}, 4, logprobs=probable(".")),
    ]
    assert texts(told(reader(Asked(alternatives=0)), *events)) == [
        ({"reasoning_content": "Hm"}, None),
        ({"content": "Yes"}, ["Yes"]),
        ({"content": "."}, ["."]),
    ]


@pytest.mark.parametrize("asked", [Asked(), Asked(alternatives=0)], ids=str)
def test_the_token_of_a_silent_answer_is_seen_by_nobody(asked: Asked) -> None:
    reading = reader(asked, silent=True)
    deltas = told(reading, chunk(ROLE), timed({"content": "x"}, 1, logprobs=probable("x")), timed({}, 1, "stop"))
    deltas += told(reading, last_chunk())
    assert deltas == [Delta(0, {}, "length")]
    assert usage(*reading.end()) == usage_of(3, 0)


def test_an_answer_ends_at_a_stop_sequence_with_the_usage_so_far() -> None:
    reading = reader(stops=["END"])
    deltas = told(reading, chunk(ROLE), timed({"reasoning_content": "END?"}, 2), timed({"content": "a E"}, 4))
    assert not reading.done
    assert texts(deltas) == [({"reasoning_content": "END?"}, None)]
    deltas = told(reading, timed({"content": "ND b"}, 6))
    assert reading.done
    assert deltas == [
        Delta(0, {"content": "a "}),
        Delta(0, {}, "stop"),
        {"usage": usage_of(5, 6, cached=2, reasoning=2)},
    ]


def test_nothing_is_told_after_a_stop_sequence_though_it_came_together_with_it() -> None:
    reading = reader(stops=["END"])
    deltas = told(reading, *(chunk({"content": text}) for text in ("hi END", " more", " again")))
    assert deltas == [Delta(0, {"content": "hi "}), Delta(0, {}, "stop"), {"usage": usage_of(0, 0)}]


def test_the_timings_that_we_ask_for_are_no_drift() -> None:
    drift = Drift("")
    told(LlamaReader(Asked(), drift), timed(ROLE, 0), timed({"content": "a"}, 1), timed({}, 1, "stop"), last_chunk())
    assert drift.counts == {}


def test_what_may_begin_a_stop_sequence_is_given_when_the_answer_ends_by_itself() -> None:
    reading = reader(stops=["END"])
    deltas = told(reading, chunk(ROLE), timed({"content": "a E"}, 1), timed({}, 2, "length"), last_chunk())
    assert deltas == [Delta(0, {"content": "a E"}), Delta(0, {}, "length")]
    assert not reading.done
    assert usage(*reading.end())["completion_tokens"] == 2


def test_beside_a_stop_sequence_each_token_keeps_its_log_probability() -> None:
    reading = reader(Asked(alternatives=0), stops=["bc"])
    events = [timed({"content": text}, count, logprobs=probable(text)) for count, text in enumerate("abd")]
    assert texts(told(reading, chunk(ROLE), *events)) == [
        ({"content": "a"}, ["a"]),
        ({"content": "b"}, ["b"]),
        ({"content": "d"}, ["d"]),
    ]


def test_what_our_own_process_says_of_itself_goes_no_further() -> None:
    event = {**chunk(ROLE), "system_fingerprint": "b1234"}
    assert told(reader(), event) == [{"system_fingerprint": "b1234"}]
    assert told(reader(own=True), event) == []


def test_an_error_is_told_in_the_words_that_are_asked_for() -> None:
    event = {"error": {"code": 500, "message": "SECRET", "type": "server_error"}}
    with pytest.raises(UpstreamFailed):
        reader().read(event)
    with pytest.raises(ServerError) as caught:
        reader(own=True, error=errors.error_of).read(event)
    assert "SECRET" not in caught.value.message


def test_a_whole_answer_is_an_event_without_the_end_of_the_text() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    end = {**entry(""), "token": "<|im_end|>"}
    answer = completion(
        {
            "message": {"role": "assistant", "content": "a", "tool_calls": [call, call]},
            "logprobs": {"content": [entry("a"), end], "refusal": None},
            "finish_reason": "tool_calls",
        }
    )
    event = as_event(deepcopy(answer))
    (choice,) = event["choices"]
    assert event["object"] == "chat.completion.chunk"
    assert [call["index"] for call in choice["delta"]["tool_calls"]] == [0, 1]
    assert choice["logprobs"]["content"] == [entry("a")]
    reading = reader(Asked(alternatives=0))
    (delta,) = reading.feed_whole(json.dumps(answer).encode())
    assert isinstance(delta, Delta)
    assert (delta.message["content"], delta.finish_reason) == ("a", "tool_calls")
    assert usage(*reading.end())["total_tokens"] == 5


def test_a_whole_answer_ends_at_a_stop_sequence_and_may_be_silent_too() -> None:
    answer = json.dumps(completion({"message": {"role": "assistant", "content": "hi END more"}})).encode()
    assert texts([*reader(stops=["END"]).feed_whole(answer)]) == [({"content": "hi "}, None), ({}, None)]
    assert reader(silent=True).feed_whole(answer) == [Delta(0, {}, "length")]


ODD: dict[str, Json] = {
    "a text that is none": chunk({"content": 7, "reasoning_content": "a"}),
    "thoughts that are none": chunk({"reasoning_content": ["a"]}),
    "calls that are no list": chunk({"tool_calls": 7}),
    "log probabilities that are none": chunk({"content": "a"}, logprobs=[{}]),
    "an entry that is none": chunk({"content": "a"}, logprobs={"content": ["a"]}),
    "bytes that are none": chunk({"content": "a"}, logprobs={"content": [{**entry("a"), "bytes": 7}]}),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_looked_into_must_be_what_the_api_has(name: str) -> None:
    reading = reader(Asked(alternatives=0), stops=["END"])
    reading.read(chunk(ROLE))
    with pytest.raises(UpstreamFailed):
        reading.read(ODD[name])


@pytest.mark.parametrize("timings", [7, {"predicted_n": "a", "cache_n": None, "prompt_n": []}], ids=str)
def test_timings_that_are_no_numbers_count_for_nothing(timings: Any) -> None:
    reading = reader(stops=["END"])
    deltas = told(reading, {**chunk({"reasoning_content": "a"}), "timings": timings}, chunk({"content": "END"}))
    assert usage(*deltas) == usage_of(0, 0)
    assert reading.uncounted == "a"


@pytest.mark.parametrize("choice", [7, {"index": 0, "finish_reason": "stop"}, {"message": "Hi."}], ids=str)
def test_a_whole_answer_without_a_message_is_a_failure(choice: Any) -> None:
    with pytest.raises(UpstreamFailed):
        as_event({**completion(), "choices": [choice]})
