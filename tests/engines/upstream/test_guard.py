"""What an upstream can be seen not to have honoured goes no further: it is mended where it is certain how, else told as
the upstream's failure, or passed on and named where that is the policy. All go through the whole application."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.jsontypes import Json
from tests.patience import PATIENCE

from ..chunks import ROLE, chunk, completion, last_chunk
from .peers import Front, error_of, text_of
from .scripted import EVENTS_HEAD, event, serving
from .scripted import chunk as piece
from .scripted import whole as answer_with

Make = Callable[..., Front]

WARN = {"unsupported": "warn"}
END = [chunk({}, "stop"), last_chunk()]
STRICT = {
    "name": "get_time",
    "strict": True,
    "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
}
LAX = {"name": "get_weather", "parameters": {}}
TOOLS = [{"type": "function", "function": function} for function in (LAX, STRICT)]


def texts(*pieces: str) -> list[Json]:
    return [chunk(ROLE), *(chunk({"content": piece}) for piece in pieces)]


def message(**fields: Any) -> Json:
    return {"message": {"role": "assistant", "content": "Hi.", "refusal": None, **fields}}


def used(completion_tokens: int, **details: int) -> Json:
    details = {"reasoning_tokens": 0, "audio_tokens": 0, **details}
    usage = last_chunk()["usage"]
    total = 3 + completion_tokens
    return {
        **usage,
        "completion_tokens": completion_tokens,
        "total_tokens": total,
        "completion_tokens_details": details,
    }


def call(name: str, arguments: str, number: int = 0) -> Json:
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*calls: Json, reason: str = "tool_calls") -> Json:
    return completion({**message(content=None, tool_calls=list(calls)), "finish_reason": reason})


def calls_in_pieces(*calls: Json, reason: str = "tool_calls") -> list[Json]:
    events = [chunk(ROLE)]
    for index, each in enumerate(calls):
        head = {**each, "index": index, "function": {**each["function"], "arguments": ""}}
        rest = each["function"]["arguments"]
        parts = [rest[:3], rest[3:]] if rest else []
        events.append(chunk({"tool_calls": [head]}))
        events += [chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]}) for part in parts]
    return [*events, chunk({}, reason), last_chunk()]


def entry(token: str, *others: str) -> Json:
    made = {"token": token, "logprob": -0.5, "bytes": list(token.encode())}
    return {**made, "top_logprobs": [{"token": other, "logprob": -1.0, "bytes": None} for other in others]}


def probable(*tokens: str, reason: str = "stop") -> Json:
    logprobs = {"content": [entry(token) for token in tokens], "refusal": None}
    return completion({**message(content="".join(tokens)), "logprobs": logprobs, "finish_reason": reason})


def probable_pieces(*tokens: str) -> list[Json]:
    logs = [{"content": [entry(token)], "refusal": None} for token in tokens]
    return [chunk(ROLE), *(chunk({"content": t}, logprobs=found) for t, found in zip(tokens, logs, strict=True)), *END]


def counts(front: Front) -> dict[str, int]:
    return {kind: count for kind, count in front.engine.drift.counts.items() if kind.startswith("not_honoured")}


def named(answer: httpx2.Response) -> str | None:
    assert answer.status_code == 200, answer.text
    found: str | None = answer.headers.get("x-unsupported-parameters")
    return found


def failure(front: Front, **body: Any) -> Json:
    """The error of a whole answer, and of a stream wherever it comes."""
    whole = error_of(front.post(**body), 502)
    answer = front.post(stream=True, **body)
    if answer.status_code == 200:
        *_, event, done = (part for part in answer.text.split("\n\n") if part)
        assert done == "data: [DONE]"
        late = json.loads(event.removeprefix("data: "))["error"]
    else:
        late = error_of(answer, 502)
    assert late == whole
    assert whole["code"] == "upstream_error"
    assert "Retry" not in whole["message"]
    return whole


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_more_tokens_than_asked_for_are_the_upstreams_failure_which_names_the_limit_as_the_client_does(
    scripted: Make, limit: str
) -> None:
    front = scripted(completion(usage=used(9)), [*texts("Hi"), chunk({}, "stop"), {**last_chunk(), "usage": used(9)}])
    error = failure(front, **{limit: 3})
    assert error["param"] == limit
    assert f"'{limit}'" in error["message"]
    assert counts(front) == {f"not_honoured.{limit}": 2}
    assert front.ask(**{limit: 7}), "the marks of its beginning and end may be counted"


def test_an_answer_that_has_too_many_tokens_does_not_say_that_it_ended_well(scripted: Make) -> None:
    front = scripted(events=[*texts("Hi"), chunk({}, "stop"), {**last_chunk(), "usage": used(9)}])
    *chunks, _ = front.events(max_tokens=3)
    assert not any(choice["finish_reason"] for each in chunks for choice in each["choices"])


def test_too_many_tokens_are_seen_without_a_usage_and_as_they_come(scripted: Make) -> None:
    front = scripted(events=[*texts(*["word "] * 40), chunk({}, "stop")])
    events = front.events(max_completion_tokens=3)
    assert events[-1]["error"]["param"] == "max_completion_tokens"
    assert text_of(events[:-1]) == "word " * 8
    # Single letters may be parts of tokens.
    assert len(text_of(scripted(events=[*texts(*"a" * 40), chunk({}, "stop")]).stream(max_completion_tokens=3))) == 40


def test_hidden_thoughts_count_for_the_limit_that_is_made_for_them_alone(scripted: Make) -> None:
    front = scripted(completion(usage=used(9, reasoning_tokens=8)))
    assert error_of(front.post(max_completion_tokens=3), 502)
    assert front.ask(max_tokens=3)["usage"]["completion_tokens"] == 9
    assert scripted(completion(usage=used(9, rejected_prediction_tokens=7))).ask(max_completion_tokens=3)


def test_the_limit_of_several_choices_is_that_of_each(scripted: Make) -> None:
    two = [{**completion()["choices"][0], "index": index} for index in range(2)]
    front = scripted(completion(usage=used(9)) | {"choices": two})
    assert front.ask(n=2, max_completion_tokens=5)
    assert error_of(front.post(n=2, max_completion_tokens=2), 502)["param"] == "max_completion_tokens"


def test_where_tokens_are_seen_an_answer_is_cut_after_the_last_that_was_allowed(scripted: Make) -> None:
    front = scripted(probable("a", "b", "c", "d"), probable_pieces("a", "b", "c", "d"))
    choice = front.ask(logprobs=True, max_completion_tokens=2)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("ab", "length")
    assert choice["logprobs"]["content"] == [entry("a"), entry("b")]
    chunks = front.stream(logprobs=True, max_completion_tokens=2)
    assert text_of(chunks) == "ab"
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert counts(front) == {"not_honoured.max_completion_tokens": 2}


@pytest.mark.parametrize("stop", ["END", ["x", "END"]], ids=str)
def test_a_text_ends_at_a_stop_sequence_that_was_left_in_it(scripted: Make, stop: Any) -> None:
    stream = [*texts("Hi", " E", "N", "D and", " more"), chunk({"content": "!"}), chunk({}, "length"), last_chunk()]
    front = scripted(completion({**message(content="Hi END and more!"), "finish_reason": "length"}), stream)
    choice = front.ask(stop=stop)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Hi ", "stop")
    chunks = front.stream(stop=stop)
    assert text_of(chunks) == "Hi "
    assert [c["finish_reason"] for each in chunks for c in each["choices"] if c["finish_reason"]] == ["stop"]
    assert counts(front) == {"not_honoured.stop": 2}


def test_an_answer_that_goes_on_after_a_stop_sequence_is_not_read_any_further(scripted: Make) -> None:
    class Unread(Exception):
        pass

    front = scripted(events=[*texts("Hi", "END", " and"), Unread()])
    assert text_of(front.stream(stop="END")) == "Hi"
    assert front.engine._replicas.open == 0  # type: ignore[attr-defined]


def test_an_answer_that_ends_with_its_stop_sequence_has_its_usage(scripted: Make) -> None:
    chunks = scripted(events=[*texts("Hi", "END"), *END]).stream(stop="END", stream_options={"include_usage": True})
    assert text_of(chunks) == "Hi"
    assert chunks[-1]["usage"]["total_tokens"] == 5


def test_what_only_begins_like_a_stop_sequence_is_part_of_the_text(scripted: Make) -> None:
    front = scripted(completion(message(content="Hi EN")), [*texts("Hi", " E", "N"), *END])
    assert front.ask(stop="END")["choices"][0]["message"]["content"] == "Hi EN"
    assert text_of(front.stream(stop="END")) == "Hi EN"
    assert counts(front) == {}


def test_beside_a_stop_sequence_the_tokens_before_it_keep_their_log_probabilities(scripted: Make) -> None:
    tokens = ("a", "b", "EN", "D", "c")
    front = scripted(probable(*tokens), probable_pieces(*tokens))
    choice = front.ask(stop="END", logprobs=True)["choices"][0]
    assert choice["message"]["content"] == "ab"
    assert choice["logprobs"]["content"] == [entry("a"), entry("b")]
    chunks = front.stream(stop="END", logprobs=True)
    found = [c["logprobs"]["content"] for each in chunks for c in each["choices"] if c["logprobs"]]
    assert found == [[entry("a")], [entry("b")]]


def test_a_call_after_a_stop_sequence_was_never_made(scripted: Make) -> None:
    answer = completion({**message(content="Hi END", tool_calls=[call("get_weather", "{}")])})
    choice = scripted(answer).ask(tools=TOOLS, stop="END")["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert "tool_calls" not in choice["message"]


def test_each_choice_ends_at_its_own_stop_sequence(scripted: Make) -> None:
    pieces = [chunk({"content": text}, index=index) for text, index in (("a", 0), ("b", 1), ("END", 0), ("c", 1))]
    events = [chunk(ROLE), chunk(ROLE, index=1), *pieces, chunk({"content": "no"}), chunk({}, "stop", index=1)]
    chunks = scripted(events=[*events, last_chunk()]).stream(n=2, stop="END")
    told = [(c["index"], c["delta"].get("content")) for each in chunks for c in each["choices"]]
    assert [each for each in told if each[1]] == [(0, "a"), (1, "b"), (1, "c")]


def test_with_a_least_number_of_tokens_a_stop_sequence_may_stand_in_the_text(scripted: Make) -> None:
    answer = completion(message(content="Hi END"))
    front = scripted(answer, dialect="vllm", extra={"min_tokens": 2})
    assert front.ask(stop="END")["choices"][0]["message"]["content"] == "Hi END"


@pytest.mark.parametrize("none", [None, {"content": None, "refusal": None}, {"content": []}], ids=str)
def test_log_probabilities_that_are_asked_for_and_absent_are_an_error_before_the_first_byte(
    scripted: Make, none: Any
) -> None:
    events = [chunk(ROLE), *(chunk({"content": "a"}, logprobs=none) for _ in range(20)), *END]
    front = scripted(completion({"logprobs": none}), events)
    assert failure(front, logprobs=True)["param"] == "logprobs"
    assert error_of(front.post(stream=True, logprobs=True), 502)["param"] == "logprobs"
    short = scripted(events=[*texts("a"), *END])
    assert error_of(short.post(stream=True, logprobs=True), 502)["param"] == "logprobs"


def test_log_probabilities_may_come_a_little_after_their_text(scripted: Make) -> None:
    late = chunk({"content": "b"}, logprobs={"content": [entry("a"), entry("b")], "refusal": None})
    assert text_of(scripted(events=[*texts("a"), late, *END]).stream(logprobs=True)) == "ab"


def test_an_answer_without_a_text_needs_no_log_probabilities(scripted: Make) -> None:
    made = call("get_weather", "{}")
    front = scripted(calling(made), calls_in_pieces(made))
    assert front.ask(tools=TOOLS, logprobs=True)
    assert front.stream(tools=TOOLS, logprobs=True)


def test_alternatives_that_are_asked_for_and_absent_are_the_upstreams_failure(scripted: Make) -> None:
    front = scripted(probable("a", "b"), probable_pieces("a", "b"))
    assert failure(front, logprobs=True, top_logprobs=2)["param"] == "top_logprobs"
    assert front.ask(logprobs=True, top_logprobs=0)


COUNTED = {"include_usage": True}


def test_a_stream_that_does_not_tell_its_tokens_although_it_is_asked_to_does_not_end_well(scripted: Make) -> None:
    uncounted = [*texts("Hi"), chunk({}, "stop")]
    *_, error = scripted(events=uncounted).events(stream_options=COUNTED)
    assert error["error"]["param"] == "stream_options.include_usage"
    front = scripted(events=uncounted, settings=WARN)
    assert text_of(front.stream(stream_options=COUNTED)) == "Hi"
    assert counts(front) == {"not_honoured.stream_options.include_usage": 1}
    assert text_of(scripted(events=uncounted).stream()) == "Hi", "nobody asked"
    cut = scripted(events=[*texts("Hi", "END"), chunk({}, "stop")])
    assert text_of(cut.stream(stream_options=COUNTED, stop="END")) == "Hi"


SPOKEN: Json = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}


def test_an_answer_without_the_sound_that_is_asked_for_is_the_upstreams_failure(scripted: Make) -> None:
    assert failure(scripted(completion(), [*texts("Hi"), *END]), **SPOKEN)["param"] == "modalities"
    made = call("get_weather", "{}")
    assert scripted(calling(made)).ask(tools=TOOLS, **SPOKEN), "a call has no sound"


def test_fewer_choices_than_asked_for_are_the_upstreams_failure(scripted: Make) -> None:
    assert failure(scripted(completion(), [*texts("Hi"), *END]), n=2)["param"] == "n"


def test_choices_without_a_finish_reason_are_the_upstreams_failure(scripted: Make) -> None:
    # As LiteLLM streams several choices.
    events = [*texts("a"), chunk({"content": "b"}, index=1), *END]
    front = scripted(events=events)
    assert front.events(n=2)[-1]["error"]["param"] == "n"
    chunks = scripted(events=events, settings=WARN).stream(n=2)
    ends = [c["index"] for each in chunks for c in each["choices"] if c["finish_reason"]]
    assert ends == [0, 1]


BAD = ['{"zone": 7}', "{}", '{"zone": Infinity}', '{"zone": "UTC"', "[]"]


@pytest.mark.parametrize("arguments", BAD)
def test_arguments_of_a_strict_call_that_are_not_what_its_schema_says_are_the_upstreams_failure(
    scripted: Make, arguments: str
) -> None:
    made = call("get_time", arguments)
    front = scripted(calling(made), calls_in_pieces(made))
    error = failure(front, tools=TOOLS)
    assert error["param"] in ("tools", "tools[1].function.strict")
    assert arguments not in error["message"]


@pytest.mark.parametrize("arguments", ['{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', "{'a': 1}"])
def test_arguments_that_are_no_json_are_the_upstreams_failure(scripted: Make, arguments: str) -> None:
    made = call("get_weather", arguments)
    front = scripted(calling(made), calls_in_pieces(made))
    assert failure(front, tools=TOOLS)["param"] == "tools"
    assert counts(front) == {"not_honoured.tools": 2}


def test_arguments_that_obey_or_that_nothing_binds_are_passed_on(scripted: Make) -> None:
    made = [call("get_time", '{"zone": "UTC"}'), call("get_weather", '{"anything": 1}', 1)]
    front = scripted(calling(*made), calls_in_pieces(*made))
    assert front.ask(tools=TOOLS)["choices"][0]["message"]["tool_calls"] == made
    assert front.stream(tools=TOOLS)
    assert counts(front) == {}


def test_arguments_may_be_cut_by_the_limit_or_a_stop_sequence(scripted: Make) -> None:
    made = call("get_time", '{"zone"')
    assert scripted(calling(made, reason="length")).ask(tools=TOOLS)
    assert scripted(calling(made, reason="stop")).ask(tools=TOOLS, stop="x")


def test_no_arguments_at_all_are_an_empty_object(scripted: Make) -> None:
    made = call("get_weather", "")
    front = scripted(calling(made), calls_in_pieces(made))
    assert front.ask(tools=TOOLS)["choices"][0]["message"]["tool_calls"] == [call("get_weather", "{}")]
    chunks = front.stream(tools=TOOLS)
    deltas = [c["delta"]["tool_calls"] for each in chunks for c in each["choices"] if "tool_calls" in c["delta"]]
    assert "".join(fragment["function"]["arguments"] for (fragment,) in deltas) == "{}"
    assert front.engine.drift.counts == {"arguments_missing": 2}


def test_a_schema_that_cannot_be_checked_here_is_the_upstreams_to_obey(scripted: Make) -> None:
    function = {"name": "get_time", "strict": True, "parameters": {"type": "object", "not": {"required": ["a"]}}}
    front = scripted(calling(call("get_time", '{"a": 1}')))
    assert front.ask(tools=[{"type": "function", "function": function}])


def test_calls_beyond_the_one_that_may_be_made_are_left_out(scripted: Make) -> None:
    made = [call("get_weather", "{}", number) for number in range(2)]
    front = scripted(calling(*made), calls_in_pieces(*made))
    assert front.ask(tools=TOOLS, parallel_tool_calls=False)["choices"][0]["message"]["tool_calls"] == made[:1]
    chunks = front.stream(tools=TOOLS, parallel_tool_calls=False)
    found = [f["index"] for each in chunks for c in each["choices"] for f in c["delta"].get("tool_calls", ())]
    assert set(found) == {0}
    assert counts(front) == {"not_honoured.parallel_tool_calls": 2}


def test_a_call_that_had_to_be_made_and_was_not_is_the_upstreams_failure(scripted: Make) -> None:
    front = scripted(completion(), [*texts("Hi"), *END])
    assert failure(front, tools=TOOLS, tool_choice="required")["param"] == "tool_choice"


SCHEMA = {"name": "a", "strict": True, "schema": STRICT["parameters"]}


def test_an_answer_that_does_not_obey_a_strict_schema_is_the_upstreams_failure(scripted: Make) -> None:
    form = {"type": "json_schema", "json_schema": SCHEMA}
    front = scripted(completion(message(content='{"zone": 7}')), [*texts('{"zone"', ": 7}"), *END])
    assert failure(front, response_format=form)["param"] == "response_format.json_schema.strict"
    lax = {**form, "json_schema": {**SCHEMA, "strict": False}}
    assert front.ask(response_format=lax)
    good = scripted(completion(message(content='{"zone": "UTC"}')), [*texts('{"zone"', ': "UTC"}'), *END])
    assert good.ask(response_format=form)
    assert good.stream(response_format=form)


@pytest.mark.parametrize("text", ['{"a": NaN}', "Infinity", ""])
def test_what_is_no_number_in_json_is_no_answer_where_json_is_asked_for(scripted: Make, text: str) -> None:
    front = scripted(completion(message(content=text)), [*texts(text), *END])
    assert failure(front, response_format={"type": "json_object"})["param"] == "response_format"


# What is asked, what comes, and how it is named where the policy lets it pass.
PASSED: dict[str, tuple[Json, Any, Any, str]] = {
    "limit": (
        {"max_tokens": 3},
        completion(usage=used(9)),
        [*texts("Hi"), chunk({}, "stop"), {**last_chunk(), "usage": used(9)}],
        "max_tokens",
    ),
    "logprobs": ({"logprobs": True}, completion(), [*texts("Hi"), *END], "logprobs"),
    "choices": ({"n": 2}, completion(), [*texts("Hi"), *END], "n"),
    "arguments": (
        {"tools": TOOLS},
        calling(call("get_time", "{}")),
        calls_in_pieces(call("get_time", "{}")),
        "tools[].function.strict",
    ),
    "a call": ({"tools": TOOLS, "tool_choice": "required"}, completion(), [*texts("Hi"), *END], "tool_choice"),
    "format": (
        {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
        completion(message(content="{}")),
        [*texts("{}"), *END],
        "response_format.json_schema.strict",
    ),
}


@pytest.mark.parametrize("name", PASSED)
def test_under_the_policy_warn_a_breach_is_passed_on_and_named(scripted: Make, name: str) -> None:
    asked, whole, events, param = PASSED[name]
    front = scripted(whole, events, settings=WARN)
    assert named(front.post(**asked)) == param
    # In a stream its name stands in the header when it is known before the first event, and in the log always.
    assert front.events(**asked)[-1].get("error") is None
    assert counts(front) == {f"not_honoured.{param}": 2}


USAGES: dict[str, tuple[Json, str, Json | None]] = {
    "a total that is no sum": ({"total_tokens": 50}, "usage_total_wrong", {"total_tokens": 5}),
    "a total that is no number": ({"total_tokens": "5"}, "usage_total_wrong", {"total_tokens": 5}),
    "numbers as floats": ({"prompt_tokens": 3.0}, "", {"prompt_tokens": 3, "total_tokens": 5}),
    "thoughts in the total alone": (
        {"total_tokens": 15, "completion_tokens_details": {"reasoning_tokens": 10, "audio_tokens": 0}},
        "usage_without_thoughts",
        {"completion_tokens": 12, "total_tokens": 15},
    ),
    "more in a part than in the whole": (
        {"prompt_tokens_details": {"cached_tokens": 9, "audio_tokens": 0}},
        "usage_details_wrong",
        {"prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0}},
    ),
    "a part that is no number": (
        {"prompt_tokens_details": {"cached_tokens": "x", "audio_tokens": -1}},
        "usage_details_wrong",
        {"prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0}},
    ),
    "less than nothing": ({"completion_tokens": -2}, "usage_no_numbers", None),
    "a text": ({"prompt_tokens": "3"}, "usage_no_numbers", None),
    "half a token": ({"prompt_tokens": 0.5}, "usage_no_numbers", None),
    "true": ({"prompt_tokens": True}, "usage_no_numbers", None),
}


@pytest.mark.parametrize("name", USAGES)
def test_a_usage_that_does_not_add_up_is_mended_or_left_out(scripted: Make, name: str) -> None:
    change, kind, expected = USAGES[name]
    front = scripted(completion(usage={**last_chunk()["usage"], **change}))
    usage: Json = front.ask().get("usage", {})
    if expected is None:
        assert usage == {}
    else:
        assert usage | expected == usage
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert set(front.engine.drift.counts) - {"usage_missing"} == ({kind} if kind else set())


@pytest.mark.live
def test_an_upstream_that_goes_on_after_a_stop_sequence_loses_its_reader(live: Make) -> None:
    gone = threading.Event()

    async def answer(connection: Any) -> None:
        await connection.send(EVENTS_HEAD)
        for each in texts("Hi ", "EN", "D"):
            await connection.send(piece(event(each)))
        try:
            for number in range(10_000):
                await connection.send(piece(event(chunk({"content": f" {number}"}))))
                await asyncio.sleep(0.001)
        except OSError:
            gone.set()
            raise

    with serving(answer) as upstream:
        chunks = live(upstream.base_url, "openai").stream(stop="END")
        assert text_of(chunks) == "Hi "
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
        assert gone.wait(PATIENCE)


@pytest.mark.live
@pytest.mark.parametrize(
    ("sent", "theirs"), [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
)
def test_a_refusal_calls_the_limit_what_the_client_calls_it(live: Make, sent: str, theirs: str) -> None:
    refusal = {"message": f"'max_tokens' or 'max_completion_tokens' is too large. Lower {theirs}.", "param": theirs}
    with serving(answer_with({"error": {**refusal, "code": 400}}, 400)) as upstream:
        front = live(upstream.base_url, "vllm")
        for stream in (False, True):
            error = error_of(front.post(stream=stream, **{sent: 5}), 400)
            assert error["param"] == sent
            assert error["message"] == f"'{sent}' is too large. Lower {sent}."
        assert error_of(front.post(), 400)["param"] == theirs


@pytest.mark.live
def test_pictures_that_the_upstream_cannot_read_are_refused_with_its_reason(live: Make) -> None:
    said = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
    body = {"error": {"code": 500, "message": said, "type": "server_error"}}
    with serving(answer_with(body, 500)) as upstream:
        error = error_of(live(upstream.base_url, "llama.cpp").post(), 400)
    assert error["message"] == said


@pytest.mark.parametrize("code", [500, "500", None])
def test_an_error_event_has_its_reason_too(scripted: Make, code: Any) -> None:
    event = {"error": {"message": "No room at http://127.0.0.1:9/v1", "code": code}}
    late = scripted(events=[*texts("Hi"), event]).events()[-1]["error"]
    assert late["message"] == "The model's engine failed to answer: No room at …."
