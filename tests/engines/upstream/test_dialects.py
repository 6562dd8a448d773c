"""What goes out to each kind of server, and what is refused because it would ignore it."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.chat.parameters import CAPABILITIES
from app.engines.dialects.known import DIALECTS
from app.engines.dialects.reading import TIERS
from app.engines.upstream import list_upstream_models
from app.errors import UpstreamFailed, UpstreamRefused
from app.jsontypes import Json

from ..chunks import chunk, completion, last_chunk
from ..scripted_replicas import ScriptedReplicas
from .peers import Front, error_of, ours

Make = Callable[..., Front]
CONTRACT = Path(__file__).parents[3] / "openapi" / "openapi.yaml"

EVENTS = [chunk({"role": "assistant", "content": ""}), chunk({}, "stop"), last_chunk()]
LOCAL = sorted(set(DIALECTS) - {"openai", "litellm"})
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}


def tool(name: str) -> Json:
    return {"type": "function", "function": {"name": name, "parameters": {}}}


def called(name: str) -> Json:
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
    return completion({"message": message, "finish_reason": "tool_calls"})


def sent(front: Front, **body: Any) -> Json:
    """The body that an upstream gets for a request."""
    peer = front.engine._replicas
    assert isinstance(peer, ScriptedReplicas)
    if body.get("stream"):
        front.stream(**{name: value for name, value in body.items() if name != "stream"})
    else:
        front.ask(**body)
    return peer.asked[-1]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_upstream_is_asked_for_its_own_model(scripted: Make, dialect: str) -> None:
    front = scripted(completion(), dialect=dialect, theirs="org/weights-7b")
    body = sent(front)
    assert body["model"] == "org/weights-7b"
    assert body["messages"] == [{"role": "user", "content": "Hello!"}]
    # Some would work on a whole answer although nobody waits for it any more.
    assert body.get("stream") is (None if DIALECTS[dialect].cancels else True)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_is_always_asked_for_with_its_usage(scripted: Make, dialect: str) -> None:
    front = scripted(events=EVENTS, dialect=dialect)
    body = sent(front, stream=True, stream_options={"include_obfuscation": False})
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_openai_gets_nothing_that_the_client_did_not_say(scripted: Make) -> None:
    assert set(sent(scripted(completion()))) == {"model", "messages"}


@pytest.mark.parametrize("dialect", LOCAL)
def test_what_a_server_would_do_unasked_is_switched_off(scripted: Make, dialect: str) -> None:
    body = sent(scripted(completion(), dialect=dialect))
    assert (body["temperature"], body["top_p"]) == (1, 1)
    if dialect in ("vllm", "sglang"):
        assert (body["top_k"], body["min_p"], body["repetition_penalty"]) == (-1, 0, 1)
    if dialect == "llama.cpp":
        assert (body["top_k"], body["min_p"], body["repeat_penalty"]) == (0, 0, 1)


@pytest.mark.parametrize(("dialect", "theirs"), [("vllm", -1), ("sglang", -1), ("llama.cpp", 0)])
def test_top_k_of_all_tokens_is_said_in_the_dialects_words(scripted: Make, dialect: str, theirs: int) -> None:
    model = ours(dialect, extra_parameters=frozenset({"top_k"}))
    front = scripted(completion(), dialect=dialect, model=model)
    assert sent(front, top_k=0)["top_k"] == theirs
    assert sent(front, top_k=7)["top_k"] == 7


@pytest.mark.parametrize(("dialect", "role"), [("openai", "developer"), *((name, "system") for name in LOCAL)])
def test_developers_speak_as_the_system_where_templates_know_no_other(scripted: Make, dialect: str, role: str) -> None:
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    body = sent(scripted(completion(), dialect=dialect), messages=messages)
    assert [message["role"] for message in body["messages"]] == [role, "user"]


def test_openai_knows_users_by_a_digest_and_nobody_else_at_all(scripted: Make) -> None:
    people = {"user": "ann@example.com", "safety_identifier": "ann", "metadata": {"team": "a"}}
    body = sent(scripted(completion()), **people)
    assert body["user"] == sha256(b"ann@example.com").hexdigest()
    assert body["safety_identifier"] == sha256(b"ann").hexdigest()
    assert "metadata" not in body
    for dialect in LOCAL:
        assert not {"user", "safety_identifier", "metadata"} & set(
            sent(scripted(completion(), dialect=dialect), **people)
        )


REFUSED: list[tuple[str, Json]] = [
    ("vllm", {"verbosity": "low"}),
    ("vllm", {"service_tier": "flex"}),
    ("vllm", {"functions": [{"name": "f"}]}),
    ("sglang", {"seed": 1}),
    ("sglang", {"prompt_cache_key": "k"}),
    ("llama.cpp", {"prediction": {"type": "content", "content": "x"}}),
    ("llama-cpp-python", {"tools": [tool("f"), tool("g")], "tool_choice": "required"}),
    ("llama-cpp-python", {"tools": [tool("f")], "parallel_tool_calls": False}),
    ("litellm", {"functions": [{"name": "f"}]}),
    ("transformers", {"logprobs": True}),
    ("transformers", {"presence_penalty": 1}),
    ("transformers", {"response_format": {"type": "json_object"}}),
    ("transformers", {"tools": [tool("f")], "tool_choice": "required"}),
    ("ollama", {"logit_bias": {"1": 5}}),
    ("ollama", {"tools": [tool("f")], "tool_choice": "required"}),
    ("ollama", {"tools": [tool("f")], "tool_choice": {"type": "function", "function": {"name": "f"}}}),
    ("ollama", {"tools": [tool("f")], "parallel_tool_calls": False}),
]


@pytest.mark.parametrize(("dialect", "fields"), REFUSED, ids=str)
def test_what_a_server_would_ignore_is_refused_by_name(scripted: Make, dialect: str, fields: Json) -> None:
    front = scripted(completion(), dialect=dialect)
    error = error_of(front.post(**fields), 400)
    assert error["code"] == "unsupported_parameter"
    assert error["param"] == list(fields)[-1]
    assert front.engine._replicas.asked == []  # type: ignore[attr-defined]


def test_capabilities_are_words_of_the_parameter_table() -> None:
    for dialect in DIALECTS.values():
        assert dialect.capabilities <= CAPABILITIES, dialect.name


@pytest.mark.parametrize("dialect", LOCAL)
def test_pictures_are_not_fetched_for_clients_unless_the_operator_says_so(scripted: Make, dialect: str) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, PICTURE]}]
    model = ours(dialect, capabilities=DIALECTS[dialect].capabilities | {"images"})
    error = error_of(scripted(completion(), dialect=dialect, model=model).post(messages=messages), 400)
    assert error["param"] == "messages[0].content[1].image_url.url"
    assert "example.com" not in error["message"]
    open_front = scripted(completion(), dialect=dialect, model=model, remote_media=True)
    assert sent(open_front, messages=messages)["messages"][0]["content"][1] == PICTURE


@pytest.mark.parametrize("dialect", ["llama.cpp", "ollama"])
def test_parts_of_text_are_one_text_where_a_server_would_part_them(scripted: Make, dialect: str) -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    body = sent(scripted(completion(), dialect=dialect), messages=[{"role": "user", "content": parts}])
    assert body["messages"] == [{"role": "user", "content": "Hello"}]


# Tool choices: what the client sends, and the tools and the choice that a dialect's server gets.
NAMED = {"type": "function", "function": {"name": "b"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [NAMED]}}
MUST = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}
CHOICES: list[tuple[str, Any, list[str] | None, Any]] = [
    ("openai", "none", ["a", "b"], "none"),
    ("openai", ALLOWED, ["a", "b"], ALLOWED),
    ("vllm", "none", None, None),
    ("vllm", NAMED, ["a", "b"], NAMED),
    ("vllm", ALLOWED, ["b"], "auto"),
    ("sglang", MUST, ["b"], "required"),
    ("llama.cpp", "none", None, None),
    ("llama.cpp", NAMED, ["b"], "required"),
    ("llama.cpp", MUST, ["b"], "required"),
    ("ollama", "none", None, None),
    ("ollama", "auto", ["a", "b"], None),
    ("ollama", ALLOWED, ["b"], None),
]


@pytest.mark.parametrize(("dialect", "choice", "tools", "expected"), CHOICES, ids=str)
def test_tool_choices_are_said_in_words_that_the_server_obeys(
    scripted: Make, dialect: str, choice: Any, tools: list[str] | None, expected: Any
) -> None:
    answer = completion() if choice == "none" else called("b")
    body = sent(scripted(answer, dialect=dialect), tools=[tool("a"), tool("b")], tool_choice=choice)
    assert [each["function"]["name"] for each in body.get("tools", ())] == (tools or [])
    assert body.get("tool_choice") == expected


@pytest.mark.parametrize("choice", ["none", NAMED, MUST, "auto"], ids=str)
def test_a_call_of_a_tool_that_may_not_be_called_is_the_upstreams_fault(scripted: Make, choice: Any) -> None:
    name = "c" if choice == "auto" else "a"
    front = scripted(called(name))
    assert error_of(front.post(tools=[tool("a"), tool("b")], tool_choice=choice), 502)["code"] == "upstream_error"


@pytest.mark.parametrize("choice", ["required", NAMED, MUST], ids=str)
def test_an_answer_without_the_call_that_was_demanded_is_the_upstreams_fault(scripted: Make, choice: Any) -> None:
    front = scripted(completion(), EVENTS)
    asked = {"tools": [tool("a"), tool("b")], "tool_choice": choice}
    assert error_of(front.post(**asked), 502)["code"] == "upstream_error"
    assert front.events(**asked)[-1]["error"]["code"] == "upstream_error"


@pytest.mark.parametrize("dialect", ["openai", "vllm", "sglang"])
def test_several_choices_are_asked_for_at_once_where_the_server_makes_them(scripted: Make, dialect: str) -> None:
    answer = completion()
    second = {**answer["choices"][0], "index": 1}
    front = scripted({**answer, "choices": [*answer["choices"], second]}, dialect=dialect)
    assert sent(front, n=2)["n"] == 2
    assert len(front.engine._replicas.asked) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("dialect", ["llama.cpp", "ollama"])
def test_several_choices_are_asked_for_one_by_one_where_the_server_does_not_make_them(
    scripted: Make, dialect: str
) -> None:
    front = scripted(completion(), dialect=dialect)
    assert [choice["index"] for choice in front.ask(n=2, seed=5)["choices"]] == [0, 1]
    bodies = front.engine._replicas.asked  # type: ignore[attr-defined]
    assert [(body.get("n"), body["seed"]) for body in bodies] == [(None, 5), (None, 6)]


def test_a_server_that_ignores_the_number_of_choices_is_found_out(scripted: Make) -> None:
    front = scripted(completion(), EVENTS)
    assert error_of(front.post(n=2), 502)["code"] == "upstream_error"
    assert front.events(n=2)[-1]["error"]["code"] == "upstream_error"


def test_a_conversation_keeps_to_its_share_of_vllms_cache(scripted: Make) -> None:
    body = sent(scripted(completion(), dialect="vllm"), prompt_cache_key="k")
    assert "prompt_cache_key" not in body
    assert len(body["cache_salt"]) == 64


def test_llama_cpp_gets_seeds_stops_biases_and_penalties_as_it_reads_them(scripted: Make) -> None:
    body = sent(
        scripted(completion(), dialect="llama.cpp"),
        seed=-1,
        stop=["", "END"],
        logit_bias={"15": -100},
        presence_penalty=1,
    )
    assert 0 <= body["seed"] < 2**32 - 1
    # It would hold back tokens that may begin a stop sequence, and overlook some: they are found here.
    assert body["stop"] == []
    assert body["logit_bias"] == [[15, -100]]
    assert body["repeat_last_n"] == 512
    entry = {"token": "Hi.", "logprob": -0.5, "bytes": [72, 105, 46], "top_logprobs": []}
    probable = completion({"logprobs": {"content": [entry], "refusal": None}})
    told = sent(scripted(probable, dialect="llama.cpp"), logprobs=True, stop="END")
    assert (told["top_logprobs"], told["stop"]) == (1, [])
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert sent(scripted(completion(), dialect="llama.cpp"), tools=tools, stop=["", "END"])["stop"] == ["END"]


def test_what_llama_cpp_would_get_wrong_is_refused(scripted: Make) -> None:
    error = error_of(scripted(completion(), dialect="llama.cpp").post(logit_bias={"word": 1}), 400)
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_the_token_that_llama_cpp_makes_where_none_is_asked_for_is_seen_by_nobody(scripted: Make, limit: str) -> None:
    events = [chunk({"role": "assistant", "content": "x"}), chunk({}, "length"), last_chunk()]
    front = scripted(events=events, dialect="llama.cpp")
    answer = front.ask(**{limit: 0})
    assert answer["choices"][0]["message"]["content"] == ""
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 0
    assert front.engine._replicas.asked[-1]["max_tokens"] == 1  # type: ignore[attr-defined]


def test_a_refusal_is_passed_on_in_the_upstreams_words_but_for_the_context(scripted: Make) -> None:
    front = scripted(UpstreamRefused(400, {"message": "top_p is odd.", "param": "top_p", "code": 400}))
    assert error_of(front.post(), 400) == {
        "message": "top_p is odd.",
        "type": "invalid_request_error",
        "param": "top_p",
        "code": "400",
    }
    front = scripted(UpstreamRefused(400, {"message": "This model's maximum context length is 8 tokens."}))
    assert error_of(front.post(), 400)["code"] == "context_length_exceeded"


def test_what_an_upstream_tells_of_tier_and_fingerprint_reaches_the_client(scripted: Make) -> None:
    told = {"service_tier": "flex", "system_fingerprint": "fp_7"}
    front = scripted({**completion(), **told}, [{**EVENTS[0], **told}, *EVENTS[1:]])
    assert front.ask().items() >= told.items()
    assert all(each.items() >= told.items() for each in front.stream())


def test_a_tier_of_the_vendors_own_is_not_known_and_is_counted(scripted: Make) -> None:
    told = {"service_tier": "on_demand"}
    front = scripted({**completion(), **told}, [{**EVENTS[0], **told}, *EVENTS[1:]])
    assert front.ask()["service_tier"] is None
    assert {each["service_tier"] for each in front.stream()} == {None}
    assert front.engine.drift.counts["service_tier_unknown"] == 2


def test_the_tiers_are_those_of_the_contract() -> None:
    tiers = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))["components"]["schemas"]["ServiceTier"]
    assert list(TIERS) == tiers["anyOf"][0]["enum"]


def test_models_are_listed_with_the_context_that_the_upstream_tells(scripted: Make) -> None:
    listed = [
        {"id": "a", "created": 5, "owned_by": "vllm", "max_model_len": 4096},
        {"id": "b", "created": 5.7, "meta": {"n_ctx_train": 2048}},
        {"id": "c", "created": None},
        {"no": "id"},
    ]
    front = scripted({"object": "list", "data": listed})
    models = front.run(list_upstream_models(front.engine._replicas, "vllm"))
    assert [(model.id, model.context_length) for model in models] == [("a", 4096), ("b", 2048), ("c", 8192)]
    assert (models[0].owned_by, models[0].created, models[1].created) == ("vllm", 5, 5)
    assert all(model.capabilities == DIALECTS["vllm"].capabilities for model in models)
    front = scripted({"object": "list", "data": []})
    with pytest.raises(UpstreamFailed):
        front.run(list_upstream_models(front.engine._replicas))
