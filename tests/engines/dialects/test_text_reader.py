"""What follows a prompt is read like an answer in a chat: each event is the next piece of its words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.engines.asked import Asked
from app.engines.base import Delta, StreamItem, usage_of
from app.engines.dialects.drift import Drift
from app.engines.dialects.llama_cpp import errors
from app.engines.dialects.llama_cpp.reader import TextReader
from app.errors import EngineUnavailable, UpstreamFailed
from app.jsontypes import Json

TIMINGS: Json = {"cache_n": 2, "prompt_n": 3, "predicted_n": 4}


def reader(asked: Asked | None = None, **options: Any) -> TextReader:
    return TextReader(asked or Asked(), Drift(""), own=True, error=errors.error_of, **options)


def piece(text: str, **more: Any) -> Json:
    return {"content": text, "stop": False, "timings": TIMINGS, **more}


def end(kind: str, text: str = "") -> Json:
    return piece(text, stop=True, stop_type=kind)


def told(reading: TextReader, *events: Json) -> list[StreamItem]:
    items = [item for event in events for item in reading.feed(json.dumps(event).encode())]
    return items if reading.done else [*items, *reading.end()]


@pytest.mark.parametrize(("kind", "reason"), [("eos", "stop"), ("word", "stop"), ("limit", "length")])
def test_pieces_are_words_and_the_last_says_why_it_ends_and_what_it_took(kind: str, reason: str) -> None:
    assert told(reader(), piece("Hi"), piece(""), piece("<think>"), end(kind)) == [
        Delta(0, {"content": "Hi"}),
        Delta(0, {"content": "<think>"}),
        Delta(0, {}, reason),
        {"usage": usage_of(5, 4, cached=2)},
    ]


def test_the_last_piece_may_have_words() -> None:
    assert told(reader(), end("limit", "Hi")) == [
        Delta(0, {"content": "Hi"}, "length"),
        {"usage": usage_of(5, 4, cached=2)},
    ]


def test_a_text_is_finished_by_its_last_piece_alone() -> None:
    reading = reader()
    reading.feed(json.dumps(piece("Hi")).encode())
    assert not reading.finished
    with pytest.raises(UpstreamFailed):
        reading.end()
    reading.feed(json.dumps(end("eos")).encode())
    assert reading.finished


def test_log_probabilities_come_with_their_piece() -> None:
    entry = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
    (delta, *_) = told(reader(Asked(alternatives=0)), piece("Hi", completion_probabilities=[entry]), end("eos"))
    assert isinstance(delta, Delta)
    assert delta.logprobs == {"content": [entry], "refusal": None}


def test_a_text_ends_at_a_stop_sequence_with_the_usage_so_far() -> None:
    assert told(reader(stops=["END"]), piece("a E"), piece("ND b"), piece("c")) == [
        Delta(0, {"content": "a "}),
        Delta(0, {}, "stop"),
        {"usage": usage_of(5, 4, cached=2)},
    ]


def test_the_token_of_a_silent_text_is_seen_by_nobody() -> None:
    assert told(reader(silent=True), piece("Hi"), end("limit")) == [
        Delta(0, {}, "length"),
        {"usage": usage_of(5, 0, cached=2)},
    ]


def test_an_error_is_told_in_our_words() -> None:
    with pytest.raises(EngineUnavailable):
        told(reader(), piece("Hi"), {"error": {"code": 503, "message": "SECRET"}})


@pytest.mark.parametrize("event", [{}, {"content": 7}, {"content": None, "stop": True}], ids=str)
def test_what_has_no_text_is_no_piece(event: Json) -> None:
    with pytest.raises(UpstreamFailed):
        told(reader(), event)


@pytest.mark.parametrize("timings", [None, 7, {}, {"predicted_n": 1}], ids=str)
def test_timings_that_are_not_there_count_for_nothing(timings: Any) -> None:
    last = {**end("eos"), "timings": timings}
    assert told(reader(), last)[-1] == {"usage": usage_of(0, 1 if timings == {"predicted_n": 1} else 0)}
