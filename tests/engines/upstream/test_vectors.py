"""Embeddings of an upstream: what it is asked, how it is read, and what of it goes no further."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from app.engines.relaying import unknown_there
from app.engines.transport.failures import failed_by_status
from app.jsontypes import Json

from .operations import Operations

NUMBERS = [0.25, -0.5, 1.0]


def packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def entry(index: Any = 0, embedding: Any = NUMBERS) -> Json:
    return {"object": "embedding", "index": index, "embedding": embedding}


def answer(*entries: Json, **fields: Any) -> Json:
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "data": list(entries or [entry()]), "model": "theirs", "usage": usage, **fields}


def test_a_text_gets_a_vector() -> None:
    front = Operations(answer())
    assert front.embed(user="ann") == {
        "object": "list",
        "data": [entry()],
        "model": "our-model",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
    asked = front.asked[0]
    assert asked.pop("user") != "ann"
    assert asked == {"model": "theirs", "input": "a b", "encoding_format": "float"}


@pytest.mark.parametrize("theirs", [NUMBERS, packed(NUMBERS)])
@pytest.mark.parametrize(("wanted", "expected"), [("float", NUMBERS), ("base64", packed(NUMBERS)), (None, NUMBERS)])
def test_it_has_the_form_that_was_asked_for_whichever_the_server_gives(
    theirs: Any, wanted: str | None, expected: Any
) -> None:
    found = Operations(answer(entry(embedding=theirs))).embed(encoding_format=wanted)
    assert found["data"][0]["embedding"] == expected


@pytest.mark.parametrize(("dialect", "form"), [("openai", "base64"), ("vllm", "base64"), ("ollama", "float")])
def test_the_short_form_is_asked_of_servers_that_have_it(dialect: str, form: str) -> None:
    front = Operations(answer(), dialect=dialect)
    front.embed(encoding_format="base64")
    assert front.asked[0]["encoding_format"] == form


@pytest.mark.parametrize(
    ("given", "handed"),
    [("a", "a"), (["a"], "a"), (["a", "b"], ["a", "b"]), ([1, 2], [1, 2]), ([[1, 2], [3]], [[1, 2], [3]])],
)
def test_texts_and_tokens_are_handed_on_and_answered_in_their_order(given: Any, handed: Any) -> None:
    several = isinstance(handed, list) and not isinstance(handed[0], int)
    front = Operations(answer(*[entry(n, [n + 0.5, 1.0]) for n in range(2 if several else 1)]))
    found = front.embed(input=given)
    assert front.asked[0]["input"] == handed
    assert [each["index"] for each in found["data"]] == list(range(2 if several else 1))


def test_tokens_are_refused_by_name_where_the_servers_do_not_take_them() -> None:
    error = Operations(answer(), dialect="ollama").refusal("embed", input=[1, 2])
    assert (error["status"], error["param"], error["code"]) == (400, "input", "unsupported_parameter")


def test_vectors_that_come_in_another_order_are_put_in_order() -> None:
    front = Operations(answer(entry(1, [1.0]), entry(0, [0.0])))
    assert [each["embedding"] for each in front.embed(input=["a", "b"])["data"]] == [[0.0], [1.0]]
    assert front.drift == {"embeddings_out_of_order": 1}


def test_what_certainly_was_meant_is_mended_and_counted() -> None:
    front = Operations(answer(entry(None, [NUMBERS]), usage={"prompt_tokens": 3}))
    found = front.embed()
    assert (found["data"], found["usage"]) == ([entry()], {"prompt_tokens": 3, "total_tokens": 3})
    assert front.drift == {"index_missing": 1, "embedding_nested": 1, "usage_total_wrong": 1}


@pytest.mark.parametrize(
    "broken",
    [
        answer(entry(), entry(1)),
        answer(data=[]),
        answer(data="x"),
        answer(entry(1)),
        answer(entry(embedding=[])),
        answer(entry(embedding=[1, None])),
        answer(entry(embedding=[1, True])),
        answer(entry(embedding=[1.0, float("nan")])),
        answer(entry(embedding=packed([float("inf")]))),
        answer(entry(embedding="no base64!")),
        answer(entry(embedding="AAAA")),  # three bytes
        answer(entry(embedding=None)),
        answer(usage=None),
        answer(usage={"prompt_tokens": -1}),
        {},
        b"no JSON",
    ],
)
def test_what_cannot_be_understood_goes_no_further(broken: Any) -> None:
    error = Operations(broken).refusal("embed")
    assert (error["status"], error["type"], error["code"]) == (502, "server_error", "upstream_error")


def test_vectors_of_several_lengths_go_no_further() -> None:
    front = Operations(answer(entry(0, [1.0]), entry(1, [1.0, 2.0])))
    assert front.refusal("embed", input=["a", "b"])["status"] == 502


@pytest.mark.parametrize("policy", ["refuse", "warn"])
def test_a_vector_of_another_length_than_was_asked_for_is_never_passed_on(policy: str) -> None:
    front = Operations(answer(), policy=policy)
    assert front.embed(dimensions=3)["data"][0]["embedding"] == NUMBERS
    error = front.refusal("embed", dimensions=2)
    assert (error["status"], error["param"]) == (502, "dimensions")
    assert front.drift == {"not_honoured.dimensions": 1}


@pytest.mark.parametrize("dialect", ["sglang", "llama.cpp"])
def test_dimensions_are_refused_by_name_where_the_servers_ignore_them(dialect: str) -> None:
    front = Operations(answer(), dialect=dialect)
    error = front.refusal("embed", dimensions=3)
    assert (error["status"], error["param"], error["code"]) == (400, "dimensions", "unsupported_parameter")
    warned = Operations(answer(), dialect=dialect, policy="warn")
    warned.embed(dimensions=2)
    assert warned.headers == {"x-unsupported-parameters": "dimensions"}


def test_many_numbers_are_given_in_base64_alone() -> None:
    long = packed([0.5] * 4096)
    front = Operations(answer(*[entry(n, long) for n in range(257)]))
    error = front.refusal("embed", input=["a"] * 257)
    assert (error["status"], error["param"]) == (400, "encoding_format")
    found = front.embed(input=["a"] * 257, encoding_format="base64")
    assert [each["embedding"] for each in found["data"]] == [long] * 257
    assert len(front.asked) == 2


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_the_operation_is_told_of_by_the_model(status: int) -> None:
    error = unknown_there(failed_by_status(status, {}, b'{"detail": "Not Found"}'))
    assert (error.status, error.param, error.code) == (400, "model", "unsupported_operation")


def test_what_a_server_refuses_or_fails_at_is_told_as_for_a_chat() -> None:
    for status in (400, 401, 429, 500, 503):
        failed = failed_by_status(status, {}, b'{"error": {"message": "m", "param": "input"}}')
        assert unknown_there(failed) is failed.error
