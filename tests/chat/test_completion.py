"""Choices and deltas get their identity, and the order that clients rely on."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY

import pytest

from app.chat.completion import ChunkWriter, completion
from app.engines.base import Choice, Completion, Delta, Facts, Logprobs, StreamItem, usage_of
from app.errors import EngineUnavailable
from app.jsontypes import Json

from .scripted_engine import MODEL

ROLE = {"role": "assistant", "content": "", "refusal": None}
LOGPROBS: Logprobs = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}], "refusal": None}


def written(
    *deltas: StreamItem, include_usage: bool = False, counts: bool = False, obfuscate: bool = False
) -> list[Json]:
    writer = ChunkWriter(MODEL, include_usage=include_usage, counts=counts, obfuscate=obfuscate)
    return [*(chunk for delta in deltas for chunk in writer.feed(delta)), *writer.end()]


def parts(chunks: list[Json]) -> list[tuple[int, Json, str | None]]:
    return [
        (choice["index"], choice["delta"], choice["finish_reason"]) for each in chunks for choice in each["choices"]
    ]


def test_a_choice_begins_with_its_role_and_ends_with_its_reason_alone() -> None:
    chunks = written(Delta(0, {"content": "a"}), Delta(0, {"content": "b"}, "stop"))
    assert parts(chunks) == [
        (0, ROLE, None),
        (0, {"content": "a"}, None),
        (0, {"content": "b"}, None),
        (0, {}, "stop"),
    ]
    assert all(each["choices"][0]["logprobs"] is None for each in chunks)


def test_each_choice_has_a_beginning_and_an_end_of_its_own() -> None:
    deltas = [Delta(1, {"content": "b"}), Delta(0, {"content": "a"}), Delta(1, {}, "length"), Delta(0, {}, "stop")]
    assert parts(written(*deltas)) == [
        (1, ROLE, None),
        (1, {"content": "b"}, None),
        (0, ROLE, None),
        (0, {"content": "a"}, None),
        (1, {}, "length"),
        (0, {}, "stop"),
    ]


@pytest.mark.parametrize("message", [{}, {"content": ""}, {"content": None}, {"refusal": None}])
def test_a_delta_that_adds_nothing_is_no_chunk(message: Any) -> None:
    assert parts(written(Delta(0, message), Delta(0, {}, "stop"))) == [(0, ROLE, None), (0, {}, "stop")]


def test_what_adds_nothing_is_left_out_of_a_delta_that_adds_something() -> None:
    call: Any = {"index": 0, "function": {"arguments": ""}}
    message: Any = {"content": "", "tool_calls": [call], "annotations": [], "reasoning_content": "Hm", "refusal": None}
    (_, delta, _), *_ = parts(written(Delta(0, message), Delta(0, {}, "stop")))[1:]
    assert delta == {"tool_calls": [call], "annotations": [], "reasoning_content": "Hm"}


def test_log_probabilities_go_with_the_delta_of_their_text() -> None:
    chunks = written(Delta(0, {"content": "a"}, None, LOGPROBS), Delta(0, {}, "stop"))
    assert [each["choices"][0]["logprobs"] for each in chunks] == [None, LOGPROBS, None]


def test_all_chunks_have_one_identity() -> None:
    chunks = written(Delta(0, {"content": "a"}), Delta(0, {}, "stop"), {"usage": usage_of(1, 1)}, include_usage=True)
    names = ("id", "object", "created", "model", "service_tier", "system_fingerprint")
    (identity,) = {tuple(each[name] for name in names) for each in chunks}
    assert identity[0].startswith("chatcmpl-")
    assert identity[1] == "chat.completion.chunk"
    assert identity[3:] == ("m", "default", "fp_m")
    assert written(Delta(0, {}, "stop"))[0]["id"] != identity[0]


def test_what_the_engine_knows_better_holds_from_then_on() -> None:
    chunks = written({"service_tier": None, "system_fingerprint": "fp_7"}, Delta(0, {"content": "a"}, "stop"))
    assert {(each["service_tier"], each["system_fingerprint"]) for each in chunks} == {(None, "fp_7")}


def test_usage_comes_last_in_a_chunk_without_choices_and_only_when_asked_for() -> None:
    deltas: list[StreamItem] = [Delta(0, {"content": "a"}, "stop"), {"usage": usage_of(1, 2)}]
    *chunks, last = written(*deltas, include_usage=True)
    assert all(each["usage"] is None for each in chunks)
    assert (last["choices"], last["usage"]) == ([], usage_of(1, 2))
    assert all("usage" not in each for each in written(*deltas))
    assert written(deltas[0], include_usage=True)[-1]["choices"][0]["finish_reason"] == "stop", "it is not known"


def test_moderation_comes_in_a_chunk_of_its_own() -> None:
    first, *_ = written({"moderation": {"flagged": False}}, Delta(0, {}, "stop"))
    assert (first["choices"], first["moderation"]) == ([], {"flagged": False})


@pytest.mark.parametrize("text", ["", "a", "é", "a" * 63, "a" * 64, '"\n'])
def test_obfuscated_chunks_have_sizes_that_are_multiples_of_64(text: str) -> None:
    chunks = written(Delta(0, {"content": text or "b"}), Delta(0, {}, "stop"), obfuscate=True)
    for each in chunks:
        size = len(json.dumps(each["choices"][0])) + len(each["obfuscation"])
        assert size % 64 == 0
        assert len(each["obfuscation"]) < 64
    assert "obfuscation" not in written(Delta(0, {}, "stop"))[0]


@pytest.mark.parametrize(
    "deltas",
    [[], [Delta(0, {"content": "a"})], [Delta(0, {}, "stop"), Delta(1, {"content": "a"})], [{"usage": usage_of(1, 1)}]],
    ids=["nothing", "no end", "one of two", "usage alone"],
)
def test_an_answer_that_does_not_end_is_a_failure(deltas: list[StreamItem]) -> None:
    with pytest.raises(EngineUnavailable, match="in the middle"):
        written(*deltas)


def test_a_whole_answer_has_every_member_that_clients_look_for() -> None:
    call: Any = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    choices = [Choice(0, {"content": "a"}, "stop", LOGPROBS), Choice(1, {"tool_calls": [call]}, "tool_calls")]
    made = completion(Completion(choices, {"usage": usage_of(1, 2)}), MODEL)
    assert made["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "a", "refusal": None, "annotations": []},
            "logprobs": LOGPROBS,
            "finish_reason": "stop",
        },
        {
            "index": 1,
            "message": {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "annotations": [],
                "tool_calls": [call],
            },
            "logprobs": None,
            "finish_reason": "tool_calls",
        },
    ]
    assert made["usage"] == usage_of(1, 2)
    assert (made["object"], made["model"], made["service_tier"]) == ("chat.completion", "m", "default")
    assert "metadata" not in made


def test_metadata_comes_back_and_what_the_engine_knows_better_is_told() -> None:
    facts: Facts = {"service_tier": "flex", "system_fingerprint": "fp_7", "moderation": {"flagged": True}}
    made = completion(Completion([Choice(0, {"content": "a"}, "stop")], facts), MODEL, metadata={"a": "b"})
    assert made["metadata"] == {"a": "b"}
    assert made.items() >= facts.items()
    assert "usage" not in made, "it is not known"


def test_every_chunk_has_the_counts_so_far_where_they_are_asked_for() -> None:
    told: list[StreamItem] = []
    for made, text in enumerate("ab", 1):
        told += [{"usage": usage_of(3, made)}, Delta(0, {"content": text})]
    told += [Delta(0, {}, "stop"), {"usage": usage_of(3, 2)}]
    chunks = written(*told, counts=True)
    assert [each["usage"]["completion_tokens"] for each in chunks] == [1, 1, 2, 2]
    assert all(each["choices"] for each in chunks)
    assert written(*told, counts=True, include_usage=True)[-1] == {
        **{name: value for name, value in chunks[-1].items() if name not in ("id", "choices", "created")},
        "id": ANY,
        "created": ANY,
        "choices": [],
    }


def test_before_the_counts_are_known_they_are_null() -> None:
    chunks = written(Delta(0, {"content": "a"}), Delta(0, {}, "stop"), {"usage": usage_of(3, 1)}, counts=True)
    assert [each["usage"] for each in chunks] == [None, None, None]
