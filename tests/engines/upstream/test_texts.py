"""Completions of an upstream: what it is asked, how it is read, and what of it goes no further."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import UpstreamFailed
from app.jsontypes import Json

from .operations import Operations

USAGE = {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}


def choice(text: str = " c d", reason: str | None = "stop", index: int = 0, **fields: Any) -> Json:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": reason, **fields}


def answer(*choices: Json, usage: Any = USAGE, **fields: Any) -> Json:
    made = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "theirs", **fields}
    return {**made, "choices": list(choices or [choice()]), **({} if usage is None else {"usage": usage})}


def lists(*tokens: str, others: dict[str, float] | None = None) -> Json:
    return {
        "tokens": list(tokens),
        "token_logprobs": [-0.5] * len(tokens),
        "top_logprobs": [{token: -0.5, **(others or {})} for token in tokens],
        "text_offset": [0] * len(tokens),
    }


def test_a_text_is_gone_on_with_in_openais_words() -> None:
    front = Operations(answer())
    found = front.complete(temperature=0.5, seed=7, stop=["x"], user="ann")
    (asked,) = front.asked
    assert asked.pop("user") != "ann"  # by a digest
    assert asked == {
        **{"model": "theirs", "prompt": "a b", "max_tokens": 16},
        **{"temperature": 0.5, "seed": 7, "stop": ["x"]},
    }
    assert found["choices"] == [choice()]
    assert (found["object"], found["model"], found["id"][:5]) == ("text_completion", "our-model", "cmpl-")
    assert found["usage"]["total_tokens"] == 4


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        ("vllm", {"top_k": -1, "min_p": 0, "repetition_penalty": 1, "temperature": 1, "top_p": 1}),
        ("sglang", {"top_k": -1, "repetition_penalty": 1}),
        ("ollama", {"stop": ["x"], "temperature": 1}),
        ("llama.cpp", {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0, "temperature": 1, "stop": []}),
    ],
)
def test_what_a_kind_of_server_would_do_unasked_it_is_told_not_to(dialect: str, words: Json) -> None:
    front = Operations(answer(), [answer(choice(reason="stop"))], dialect)
    front.complete(stop="x")
    (asked,) = front.asked
    assert {name: asked[name] for name in words} == words
    assert "messages" not in asked


def test_each_prompt_is_asked_for_and_answered_in_its_place() -> None:
    front = Operations(answer(choice(), choice(" e", "length", 1)))
    found = front.complete(prompt=["a b", "c"], n=2, echo=True)
    assert [each["prompt"] for each in front.asked] == ["a b", "c"]
    assert all("echo" not in each for each in front.asked)
    texts = [(each["index"], each["text"], each["finish_reason"]) for each in found["choices"]]
    assert texts == [(0, "a b c d", "stop"), (1, "a b e", "length"), (2, "c c d", "stop"), (3, "c e", "length")]
    assert (found["usage"]["prompt_tokens"], found["usage"]["completion_tokens"]) == (4, 4)


@pytest.mark.parametrize("prompt", [[1, 2], [[1, 2], [3]]])
def test_tokens_are_handed_on_where_the_servers_take_them(prompt: Any) -> None:
    front = Operations(answer(), dialect="vllm")
    front.complete(prompt=prompt)
    expected = [[1, 2]] if prompt == [1, 2] else prompt
    assert [each["prompt"] for each in front.asked] == expected
    error = Operations(answer(), dialect="ollama").refusal("complete", prompt=prompt)
    assert (error["status"], error["param"], error["code"]) == (400, "prompt", "unsupported_parameter")


@pytest.mark.parametrize(
    ("dialect", "body", "param"),
    [
        ("vllm", {"suffix": "z"}, "suffix"),
        ("llama.cpp", {"suffix": "z"}, "suffix"),
        ("llama.cpp", {"echo": True, "logprobs": 1}, "echo"),
        ("llama.cpp", {"prompt": [1], "echo": True}, "echo"),
        ("ollama", {"logit_bias": {"1": 1}}, "logit_bias"),
        ("sglang", {"seed": 1}, "seed"),
        ("openai", {"best_of": 1, "n": 2}, "best_of"),
        ("openai", {"best_of": 2, "stream": True}, "best_of"),
        ("openai", {"best_of": 2, "echo": True, "logprobs": 1}, "best_of"),
        ("openai", {"prompt": ["a"] * 129}, "prompt"),
        ("openai", {"prompt": ["a"] * 65, "n": 2}, "prompt"),
        ("openai", {"stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name_and_nobody_is_asked(dialect: str, body: Json, param: str) -> None:
    front = Operations(answer(), dialect=dialect)
    error = front.refusal("complete", **body)
    assert (error["status"], error["param"]) == (400, param)
    assert front.asked == []


def test_by_the_policy_warn_it_is_left_out_and_named() -> None:
    front = Operations(answer(choice(logprobs=lists(" c", " d"))), dialect="llama.cpp", policy="warn")
    found = front.complete(suffix="z", echo=True, logprobs=0)
    assert front.headers == {"x-unsupported-parameters": "suffix, echo"}
    assert found["choices"][0]["text"] == " c d"


def test_log_probabilities_have_the_old_form_with_the_token_itself_among_the_likeliest() -> None:
    others = {"x": -1.0, "y": -2.0, "z": float("-inf")}
    found = Operations(answer(choice(logprobs=lists(" c", " d", others=others)))).complete(logprobs=2)
    assert found["choices"][0]["logprobs"] == {
        "tokens": [" c", " d"],
        "token_logprobs": [-0.5, -0.5],
        "top_logprobs": [{" c": -0.5, "x": -1.0}, {" d": -0.5, "x": -1.0}],
        "text_offset": [0, 2],
    }


def test_those_of_llama_cpps_server_are_read_too() -> None:
    entry = {"token": " c", "logprob": -0.5, "bytes": [32, 99], "id": 7, "top_logprobs": []}
    event = answer(choice(" c", "stop", logprobs={"content": [entry]}))
    found = Operations(None, [event], dialect="llama.cpp").complete(logprobs=0)
    assert found["choices"][0]["logprobs"]["top_logprobs"] == [{" c": -0.5}]


def test_the_prompts_own_log_probabilities_come_from_servers_that_have_them() -> None:
    """What lm-eval asks for a multiple choice."""
    told = {"tokens": ["<s>", "a", " b", " c"], "token_logprobs": [None, -0.1, -0.2, -0.3], "top_logprobs": None}
    told["top_logprobs"] = [None, {"a": -0.1}, {" b": -0.2, " x": -0.15}, {" c": -0.3}]
    front = Operations(
        answer(choice("a b c", "length", logprobs=told), usage={**USAGE, "prompt_tokens": 3}), dialect="vllm"
    )
    found = front.complete(echo=True, logprobs=1, max_tokens=1)
    (asked,) = front.asked
    assert (asked["echo"], asked["logprobs"], asked["max_tokens"]) == (True, 1, 1)
    made = found["choices"][0]
    assert made["text"] == "a b c"
    assert made["logprobs"]["token_logprobs"] == [None, -0.1, -0.2, -0.3]
    assert made["logprobs"]["top_logprobs"] == [None, {"a": -0.1}, {" x": -0.15, " b": -0.2}, {" c": -0.3}]
    assert made["logprobs"]["text_offset"] == [0, 3, 4, 6]


def test_tokens_are_repeated_as_the_text_that_the_server_has_for_them() -> None:
    told = answer(choice("a b c", "length", logprobs=lists("a", " b", " c")))
    front = Operations(told, dialect="vllm")
    (made,) = front.complete(prompt=[1, 2], echo=True, max_tokens=1)["choices"]
    assert (made["text"], made["logprobs"]) == ("a b c", None)
    assert (front.asked[0]["echo"], front.asked[0]["logprobs"]) == (True, 0)
    pieces = front.stream(prompt=[1, 2], echo=True, max_tokens=1)
    assert "".join(piece["choices"][0]["text"] for piece in pieces) == "a b c"
    assert all(piece["choices"][0]["logprobs"] is None for piece in pieces)


def test_stop_sequences_in_the_prompt_end_nothing_and_those_after_it_do() -> None:
    told = lists("a", " b", " c", " b", " d")
    front = Operations(answer(choice("a b c b d", "length", logprobs=told)), dialect="vllm")
    found = front.complete(echo=True, logprobs=0, max_tokens=3, stop=" b")
    assert (found["choices"][0]["text"], found["choices"][0]["finish_reason"]) == ("a b c", "stop")
    assert found["choices"][0]["logprobs"]["tokens"] == ["a", " b", " c"]


def test_a_server_that_does_not_repeat_the_prompt_as_asked_is_seen() -> None:
    front = Operations(answer(choice(logprobs=lists(" c")), usage=USAGE), dialect="vllm")
    error = front.refusal("complete", echo=True, logprobs=0)
    assert (error["status"], error["param"]) == (502, "echo")


@pytest.mark.parametrize(
    ("choices", "body"),
    [
        ([choice(), choice(index=1)], {}),  # more than were asked for
        ([choice(index=3)], {}),
        ([choice()], {"n": 2}),
        ([choice(reason=None)], {}),
        ([choice("x " * 60)], {"max_tokens": 3}),
        ([choice(text=7)], {}),  # type: ignore[arg-type]
        ([choice()], {"logprobs": 1}),
        ([choice(logprobs={"tokens": ["a"], "token_logprobs": []})], {"logprobs": 1}),
    ],
    ids=[
        "too many",
        "unknown index",
        "too few",
        "unfinished",
        "too long",
        "no text",
        "no logprobs",
        "broken",
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_goes_no_further(choices: list[Json], body: Json) -> None:
    usage = {**USAGE, "completion_tokens": 60} if "max_tokens" in body else USAGE
    error = Operations(answer(*choices, usage=usage)).refusal("complete", **body)
    assert (error["status"], error["type"]) == (502, "server_error")


def test_a_text_is_cut_at_a_stop_sequence_that_the_server_went_past() -> None:
    found = Operations(answer(choice(" c STOP d", "length"))).complete(stop="STOP")
    assert (found["choices"][0]["text"], found["choices"][0]["finish_reason"]) == (" c ", "stop")


def test_a_stream_has_its_text_its_end_its_usage_and_done() -> None:
    events = [answer(choice(" c", None), usage=None), answer(choice(" d", "stop"), usage=None)]
    usage = answer(usage=USAGE) | {"choices": []}
    front = Operations(None, [*events, usage])
    told = front.stream(stream_options={"include_usage": True})
    assert [each["choices"][0]["text"] for each in told[:-1]] == [" c", " d"]
    assert [each["choices"][0]["finish_reason"] for each in told[:-1]] == [None, "stop"]
    assert (told[-1]["choices"], told[-1]["usage"]["total_tokens"]) == ([], 4)
    assert len({each["id"] for each in told}) == 1
    assert front.asked[0]["stream_options"] == {"include_usage": True}


def test_a_stream_of_several_prompts_has_each_choice_in_its_place_after_its_prompt() -> None:
    front = Operations(None, [answer(choice(" c", "stop"))])
    told = front.stream(prompt=["a", "b"], echo=True)
    texts = ["".join(each["choices"][0]["text"] for each in told if each["choices"][0]["index"] == n) for n in (0, 1)]
    assert texts == ["a c", "b c"]
    assert all("usage" not in each for each in told)


def test_a_stream_that_breaks_off_fails() -> None:
    front = Operations(None, [answer(choice(" c", None)), UpstreamFailed("It broke off.")])
    assert front.refusal("stream")["status"] == 502
    assert Operations(None, [answer(choice(" c", None))]).refusal("stream")["status"] == 502


def test_the_best_are_found_by_their_log_probabilities() -> None:
    def likely(text: str, value: float, index: int) -> Json:
        return choice(text, "stop", index, logprobs={**lists(text), "token_logprobs": [value]})

    front = Operations(answer(likely(" a", -3, 0), likely(" b", -1, 1), likely(" c", -2, 2)))
    found = front.complete(best_of=3, n=2)
    (asked,) = front.asked
    assert (asked["n"], asked["logprobs"]) == (3, 0)
    assert "best_of" not in asked
    assert [(each["index"], each["text"], each["logprobs"]) for each in found["choices"]] == [
        (0, " b", None),
        (1, " c", None),
    ]


def test_as_many_best_as_are_given_ask_for_nothing() -> None:
    front = Operations(answer(), dialect="llama.cpp", events=[answer()])
    front.complete(best_of=1)
    assert "logprobs" not in front.asked[0]
