"""What a request says comes before what the operator says, and that before the dialect's own defaults."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from app.engines.dialects.dialect import UpstreamModel, Written
from app.engines.dialects.known import DIALECTS
from app.engines.upstream import model_of
from app.jsontypes import Json

HELLO: Json = {"messages": [{"role": "user", "content": "Hello!"}]}


def written(dialect: str, extra: Json | None = None, **request: Any) -> Written:
    upstream = UpstreamModel(model_of("m", dialect, context_length=512), "theirs", extra or {})
    return DIALECTS[dialect].write({**HELLO, **request}, upstream)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_operator_fixes_holds_for_what_a_request_does_not_say(dialect: str) -> None:
    extra = {"temperature": 0.6, "top_p": 0.9, "theirs_alone": {"a": 1}}
    body = written(dialect, extra, temperature=0.1).body
    assert (body["temperature"], body["top_p"], body["theirs_alone"]) == (0.1, 0.9, {"a": 1})
    assert body["model"] == "theirs"


def test_what_the_operator_fixes_is_said_to_llama_cpp_as_if_the_request_said_it() -> None:
    fixed: Json = {"stop": "END", "seed": -1, "logit_bias": {"15": 1}, "top_k": 40, "presence_penalty": 1, "n_probs": 2}
    assert written("llama.cpp", fixed).body == written("llama.cpp", **fixed).body
    assert "top_k" in written("llama.cpp", fixed).body["samplers"]
    assert written("llama.cpp", {"repeat_last_n": 64}).body["repeat_last_n"] == 64, "its own words are the operator's"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_request_and_what_the_operator_fixes_stay_as_they_are(dialect: str) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "ab"]
    request = {"tools": tools, "tool_choice": tools[0], "max_tokens": 5, "stop": "END", "seed": 1, "user": "ann"}
    extra = {"max_tokens": 7, "temperature": 0.5}
    kept = deepcopy((request, extra))
    first = written(dialect, extra, **request).body
    assert (request, extra) == kept
    assert written(dialect, extra, **request).body == first


# The limit of the request, what the operator fixes, and what the server gets: by OpenAI, which tells its models by the
# name that was used, and by the others, which know one name.
LIMITS: list[tuple[Json, Json, Json, int | None]] = [
    ({}, {}, {}, None),
    ({"max_completion_tokens": 5}, {}, {"max_completion_tokens": 5}, 5),
    ({"max_tokens": 5}, {}, {"max_tokens": 5}, 5),
    ({}, {"max_completion_tokens": 9}, {"max_completion_tokens": 9}, 9),
    ({}, {"max_tokens": 9}, {"max_completion_tokens": 9}, 9),
    ({"max_completion_tokens": 5}, {"max_tokens": 9}, {"max_completion_tokens": 5}, 5),
    ({"max_tokens": 5}, {"max_completion_tokens": 9}, {"max_tokens": 5}, 5),
    ({"max_tokens": 5}, {"max_tokens": 9}, {"max_tokens": 5}, 5),
    ({"max_completion_tokens": 0}, {"max_tokens": 9}, {"max_completion_tokens": 0}, 0),
]


@pytest.mark.parametrize(("request_", "extra", "kept", "limit"), LIMITS, ids=range(len(LIMITS)))
@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        ("openai", ""),
        ("vllm", "max_completion_tokens"),
        ("sglang", "max_completion_tokens"),
        ("ollama", "max_tokens"),
        ("llama.cpp", "max_tokens"),
    ],
)
def test_there_is_one_limit_and_the_requests_wins(
    dialect: str, name: str, request_: Json, extra: Json, kept: Json, limit: int | None
) -> None:
    if dialect == "llama.cpp" and limit == 0:
        limit = 1  # it makes a token that nobody sees
    body = written(dialect, extra, **request_).body
    found = {field: body[field] for field in ("max_tokens", "max_completion_tokens") if field in body}
    assert found == (kept if dialect == "openai" else {} if limit is None else {name: limit})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_server_answers_for_itself_goes_no_further(dialect: str) -> None:
    ours: Json = {
        "metadata": {"a": "b"},
        "store": True,
        "stream": True,
        "stream_options": {"include_usage": True},
        "n": 1,
    }
    assert not written(dialect, **ours).body.keys() & ours.keys()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_only_llama_cpp_is_asked_for_a_whole_answer_and_only_beside_tools_with_log_probabilities(dialect: str) -> None:
    tools: Json = {"tools": [{"type": "function", "function": {"name": "f"}}]}
    assert written(dialect, **tools, logprobs=True).whole is (dialect == "llama.cpp")
    for request in (tools, {"logprobs": True}, {**tools, "logprobs": True, "tool_choice": "none"}):
        assert not written(dialect, **request).whole, request
