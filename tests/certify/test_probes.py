"""The probes ask for all of the contract, and each tells who honours it from who takes no notice, refuses or fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from app.certify.asking import Bounds
from app.certify.exchange import Ask, Refusal, Seen, paths_in
from app.certify.operations import CHAT, OPERATIONS, Operation
from app.certify.probe import Base, Probe, name_in, verdict_of
from app.certify.probes.bounds import GROUP as BOUNDS
from app.certify.probes.every import every
from app.certify.rules import Rules
from app.certify.running import rows_of
from app.certify.verdicts import Fate, Verdict
from app.configuration.document import contract_path
from app.contract.document import Document
from app.settings import Settings

from .scripted_server import KEY, MODEL, Scripted

DOCUMENT = Document.load(contract_path(Settings()))
CONTRACT = {operation: Rules(DOCUMENT, operation) for operation in OPERATIONS}
RULES = CONTRACT[CHAT]
OF = {operation: every(rules) for operation, rules in CONTRACT.items()}
PROBES = [probe for probes in OF.values() for probe in probes]
BASES = {
    operation: Base(
        MODEL, next(iter(operation.limits), None), cold=bool(operation.limits), has_key=True, operation=operation
    )
    for operation in OPERATIONS
}


def called(probe: Probe) -> str:
    name = f"{probe.group}: {' '.join(filter(None, (*probe.paths[:1], probe.check)))}"
    return name if probe.operation is CHAT else f"{probe.operation.name} {name}"


BY_NAME = {called(probe): probe for probe in PROBES}

Give = Callable[[Ask], Seen]


def ask(probe: Probe, give: Give) -> dict[str, Seen]:
    """What a server gives to a probe."""
    answers: dict[str, Seen] = {}
    for step in probe.steps:
        made = step.make(BASES[probe.operation], answers)
        if made is not None:
            answers[step.name] = give(made)
    return answers


def judged(probe: Probe, give: Give) -> Verdict:
    return verdict_of(probe, ask(probe, give))


def scripted(*vices: str) -> Give:
    return Scripted(RULES, *vices, key=KEY).ask


OPERATION = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@OPERATION
def test_every_property_of_a_request_is_probed_and_no_other(operation: Operation) -> None:
    probed = {path for probe in OF[operation] for path in (*probe.paths, *probe.parts)}
    assert probed == set(CONTRACT[operation].request)


@OPERATION
def test_every_parameter_is_tried_with_a_value_of_another_type(operation: Operation) -> None:
    tried = {
        path
        for probe in OF[operation]
        if probe.group == BOUNDS and probe.check == "another type"
        for path in probe.paths
    }
    assert tried == {path for path in CONTRACT[operation].request if "." not in path}


@OPERATION
def test_the_probes_of_an_operation_ask_it_and_nothing_else_but_for_the_models(operation: Operation) -> None:
    for probe in OF[operation]:
        assert probe.operation is operation
        for seen in ask(probe, scripted()).values():
            assert seen.ask.path.startswith((operation.path, "/models")), called(probe)


@pytest.mark.long
def test_the_probes_are_bounded_and_ask_the_same_each_time() -> None:
    def asked() -> set[str]:
        asks = (seen.ask.same for probe in PROBES for seen in ask(probe, scripted()).values())
        # What a server keeps has an id of the server's own making.
        return {re.sub(r"(chatcmpl-|resp_)[0-9a-f]+", r"\1", each) for each in asks}

    once = asked()
    assert once == asked()
    assert len(once) < Bounds().requests


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: called(probe))
def test_what_a_probe_must_ask_can_be_said_to_its_operation(probe: Probe) -> None:
    answers = ask(probe, scripted())
    assert {step.name for step in probe.steps if step.role in ("asked", "compare", "nonsense")} <= {*answers}


@pytest.mark.parametrize("probe", PROBES, ids=called)
def test_a_probe_asks_with_the_properties_that_it_is_about(probe: Probe) -> None:
    asked = {path for seen in ask(probe, scripted()).values() for path in paths_in(seen.ask.body)}
    assert {*probe.paths, *probe.parts} <= asked


@pytest.mark.parametrize("probe", PROBES, ids=called)
def test_what_is_asked_keeps_to_the_contract_unless_it_is_nonsense(probe: Probe) -> None:
    roles = {step.name: step.role for step in probe.steps}
    for name, seen in ask(probe, scripted()).items():
        if isinstance(seen.ask.body, dict) and roles[name] != "nonsense":
            assert CONTRACT[probe.operation].fits(seen.ask.body), name


def test_no_two_probes_have_the_same_name() -> None:
    assert len(BY_NAME) == len(PROBES)


@OPERATION
def test_no_two_rows_of_a_report_are_of_the_same(operation: Operation) -> None:
    keys = [row.key for probe in OF[operation] for row in rows_of(probe, Verdict("honoured"), {})]
    assert sorted(keys) == sorted({*keys})


# What no answer shows, even of a server that honours all of it.
INVISIBLE = {
    "tools: function_call none",
    "media: messages[].content[].prompt_cache_breakpoint",
    "media: messages[].content[].prompt_cache_breakpoint.ttl",
    "service: user",
    "service: safety_identifier",
    "service: prompt_cache_retention",
    "service: prompt_cache_options",
    "service: prompt_cache_options.mode",
    "service: prompt_cache_options.ttl",
    "service: web_search_options.search_context_size",
    "service: web_search_options.user_location",
    "service: web_search_options.user_location.type",
    "service: web_search_options.user_location.approximate",
    *(
        f"service: web_search_options.user_location.approximate.{name}"
        for name in ("country", "region", "city", "timezone")
    ),
    "service: prediction.content[].prompt_cache_breakpoint",
    "service: prediction.content[].prompt_cache_breakpoint.ttl",
    "completions service: user",
    "embeddings service: user",
    *(
        f"responses service: {name}"
        for name in (
            *("user", "safety_identifier", "client_metadata", "prompt_cache_retention", "prompt_cache_options"),
            *("prompt_cache_options.mode", "prompt_cache_options.ttl", "reasoning.summary"),
            *("reasoning.generate_summary", "reasoning.context", "reasoning.mode"),
        )
    ),
    *(f"responses messages: input[].{name}" for name in ("id", "status", "phase", "namespace")),
    *(f"responses media: input[].content[].prompt_cache_breakpoint{name}" for name in ("", ".ttl")),
    *(f"responses media: input[].output[].prompt_cache_breakpoint{name} output of a tool" for name in ("", ".ttl")),
    *(
        f"responses tools: {at}.{name}"
        for at in ("tools[]", "tools[].tools[]")
        for name in ("output_schema", "defer_loading", "allowed_callers")
    ),
    "responses tools: max_tool_calls",
    *(f"responses state: {name}" for name in ("context_management", "truncation")),
}
# What points to something that there is not, which who honours it refuses.
MADE_UP = {
    "messages: messages[].audio",
    "media: messages[].content[].file.file_id",
    "service: audio.voice.id",
    "responses messages: input[].encrypted_content",
    "responses messages: input[].type reference",
    "responses media: input[].content[].file_id",
    "responses media: input[].content[].file_url",
    "responses media: input[].output[].file_id output of a tool",
    "responses media: input[].output[].file_url output of a tool",
    "responses state: conversation",
    "responses state: prompt",
    # There is no tool that the made-up server runs.
    "responses tools: tools[].type run by the server",
}


@pytest.mark.parametrize("probe", PROBES, ids=called)
def test_a_server_that_honours_the_contract_is_seen_to(probe: Probe) -> None:
    fate: Fate = "honoured"
    if called(probe) in INVISIBLE:
        fate = "not seen"
    elif called(probe) in MADE_UP:
        fate = "refused"
    verdict = judged(probe, scripted())
    assert verdict.fate == fate, verdict.seen


# Of these a server that takes no notice of anything cannot be told from a model with habits.
HABITS = {
    "messages: messages[].role role developer",
    "messages: messages[].name",
    "messages: messages[].refusal",
    "messages: messages[].content[].refusal part of an answer",
    "messages: messages[].reasoning_content",
    "messages: messages[].tool_calls",
    "messages: messages[].tool_calls[].custom",
    "messages: messages[].function_call",
    "length: finish_reason of an answer cut short",
    "format: response_format.json_schema.description",
    "tools: tools[].function.description",
    "tools: tool_choice auto",
    "tools: tool_choice none",
    "tools: function_call none",
    "media: messages[].content[].image_url.detail",
    "answers: token counts add up",
    "completions length: finish_reason of an answer cut short",
    "completions answers: token counts add up",
    *(f"responses messages: input[].{name}" for name in ("role role developer", "content thoughts", "summary")),
    *(f"responses messages: input[].content[].refusal{name}" for name in ("", " part of an answer")),
    *(f"responses messages: input[].type{name}" for name in ("", " custom tool")),
    "responses length: status of an answer cut short",
    "responses format: text.format.description",
    *(f"responses tools: {name}" for name in ("tools[].description", "tool_choice auto", "tool_choice none")),
    "responses media: input[].content[].detail",
}
# These it does without knowing.
ANYWAY = {
    "format: response_format.type text",
    "streams: stream",
    "streams: order of chunks",
    "streams: end of a stream",
    "streams: the same text as whole",
    "errors: malformed JSON",
    "errors: no key",
    "errors: a wrong key",
    "models: list",
    "models: one that there is not",
    *(
        f"{operation} errors: {name}"
        for operation in ("completions", "embeddings", "responses")
        for name in ("malformed JSON", "no key", "a wrong key")
    ),
    *(
        f"completions streams: {name}"
        for name in ("stream", "order of chunks", "end of a stream", "the same text as whole")
    ),
    *(
        f"responses streams: {name}"
        for name in ("stream", "order of events", "deltas and ends have the same text", "the same text as whole")
    ),
    "responses format: text.format.type text",
    "responses answers: token counts add up",
    *(name for name in BY_NAME if name.endswith("neutral values")),
}
# These show that it does not.
BREAKS = {"embeddings answers: tokens are counted"}
# And this cannot be told from chance.
BY_CHANCE = {"embeddings vectors: input tokens"}


@pytest.mark.parametrize("vices", [("deaf",), ("deaf", "by chance")], ids=["alike", "by chance"])
@pytest.mark.parametrize("probe", PROBES, ids=called)
def test_a_server_that_takes_no_notice_is_never_seen_to_honour(probe: Probe, vices: tuple[str, ...]) -> None:
    fates: set[Fate] = {"ignored"}
    if called(probe) in HABITS:
        fates = {"not seen"}
    elif called(probe) in ANYWAY:
        fates = {"honoured", "not seen"} if "by chance" in vices else {"honoured"}
    elif called(probe) in BREAKS:
        fates = {"broken"}
    elif called(probe) in BY_CHANCE and "by chance" in vices:
        fates = {"not seen"}
    verdict = judged(probe, scripted(*vices))
    assert verdict.fate in fates, verdict.seen


def of_error(status: int, error: Any, text: str = "") -> Give:
    def give(made: Ask) -> Seen:
        return Seen(
            made,
            status=status,
            media_type="text/html" if text else "application/json",
            content=None if text else {"error": error},
            head=text,
        )

    return give


WANTS_NO_ERROR = [probe for probe in PROBES if any(step.role == "asked" for step in probe.steps)]


@pytest.mark.parametrize("probe", WANTS_NO_ERROR, ids=called)
def test_a_refusal_is_told_with_its_status_and_code_and_whether_it_names_what_it_is_of(probe: Probe) -> None:
    if not probe.paths:
        return
    error = {"message": "no", "type": "x", "param": probe.paths[0].replace("[]", "[3]"), "code": "unsupported"}
    by_name = judged(probe, of_error(400, error))
    nameless = judged(probe, of_error(400, {"message": "no", "type": "x", "param": None, "code": "unsupported"}))
    if by_name.fate == "not seen":
        assert "the request to compare with" in by_name.seen
        return
    assert (by_name.fate, by_name.named, nameless.fate, nameless.named) == ("refused", "param", "refused", "no")
    assert by_name.seen.startswith("400 unsupported, naming ")


@pytest.mark.parametrize("probe", PROBES, ids=called)
def test_a_failure_of_the_server_is_never_taken_for_anything_else(probe: Probe) -> None:
    verdict = judged(probe, of_error(500, None, "<html>Internal Server Error</html>"))
    assert verdict.fate in ("broken", "not seen"), verdict.seen
    if probe.steps[0].role == "asked":
        assert verdict.fate == "broken"


@pytest.mark.parametrize(("param", "fate"), [("logprobs", "refused"), ("stop", "broken"), (None, "broken")], ids=str)
def test_a_failure_that_names_what_could_not_be_honoured_is_a_refusal(param: str | None, fate: str) -> None:
    error = {"message": "The engine gave none.", "param": param, "code": "upstream_error"}
    found = judged(BY_NAME["choices: logprobs"], of_error(502, error))
    assert found.fate == fate
    late = Seen(Ask({"stream": True, "n": 2}), status=200, media_type="text/event-stream", events=({"error": error},))
    assert judged(BY_NAME["choices: logprobs"], lambda _: late).fate == fate
    assert found.fate == "broken" or found.named == "param"


VICES = {
    "ignores max_tokens": ("length: max_completion_tokens", "ignored"),
    "leaves stop in": ("length: stop", "ignored"),
    "logprobs null": ("choices: logprobs", "ignored"),
    "no usage chunk": ("streams: stream_options", "ignored"),
    "no [DONE]": ("streams: end of a stream", "broken"),
    "no role": ("streams: order of chunks", "broken"),
    "one finish": ("streams: end of a stream", "broken"),
    "hangs": ("streams: stream", "broken"),
    "500 with HTML": ("choices: top_logprobs", "broken"),
    "wrong envelope": ("errors: no message", "broken"),
    "wrong order": ("embeddings vectors: input several texts", "broken"),
    "events out of order": ("responses streams: order of events", "broken"),
    "html errors": ("errors: an unknown model", "broken"),
}


@pytest.mark.parametrize("vice", VICES)
def test_each_vice_is_found_by_name(vice: str) -> None:
    name, fate = VICES[vice]
    assert judged(BY_NAME[name], scripted()).fate == "honoured"
    assert judged(BY_NAME[name], scripted(vice)).fate == fate


# -- judges, by made-up answers ------------------------------------------------------------------------------------


def whole(text: str | None = "x", *, reason: str = "stop", usage: Any = None, **message: Any) -> Seen:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": reason}
    content = {"id": "c", "choices": [choice], "usage": usage or {"prompt_tokens": 1, "completion_tokens": 1}}
    return Seen(Ask({}), status=200, media_type="application/json", content=content)


def verdict(name: str, **answers: Seen) -> Verdict:
    return verdict_of(BY_NAME[name], {key.replace("_", " "): seen for key, seen in answers.items()})


def test_more_tokens_than_asked_for_are_told_by_number() -> None:
    few = whole("one two", usage={"prompt_tokens": 1, "completion_tokens": 9})
    found = verdict("length: max_tokens", few=few, reference=whole("one two"), nonsense=whole())
    assert (found.fate, found.seen) == ("ignored", "3 tokens asked, 9 came")


def test_a_model_that_says_no_more_than_the_limit_shows_nothing_of_the_limit() -> None:
    refused = of_error(400, {"message": "no", "param": "max_tokens"})(Ask({}))
    found = verdict("length: max_tokens", few=whole(), reference=whole(), nonsense=refused)
    assert found.fate == "not seen"


def test_what_has_no_effect_and_takes_nonsense_too_is_ignored() -> None:
    assert verdict("service: user", set=whole(), nonsense=whole()).fate == "ignored"
    assert verdict("service: user", set=whole(), nonsense=of_error(400, {"message": "no"})(Ask({}))).fate == "not seen"


def test_arguments_of_a_call_that_no_strict_schema_binds_may_be_what_they_like() -> None:
    function = {"name": "vex_count", "arguments": '{"vex": "other"}'}
    called = whole(None, tool_calls=[{"id": "1", "type": "function", "function": function}])
    assert verdict("tools: tools[].function.parameters", whole=called).fate == "not seen"
    assert verdict("tools: tools[].function.strict", whole=called).fate == "ignored"


def test_an_answer_cut_short_with_another_finish_reason_is_broken() -> None:
    long = whole("a b c d e f", usage={"prompt_tokens": 1, "completion_tokens": 6})
    few = whole("a b c", usage={"prompt_tokens": 1, "completion_tokens": 3})
    assert verdict("length: finish_reason of an answer cut short", few=few, reference=long).fate == "broken"


def test_a_seed_is_honoured_by_who_repeats_himself_and_ignored_by_who_never_does() -> None:
    def drawn(texts: Callable[[int, int], str]) -> Verdict:
        steps = {f"seed_{seed}_{i}": whole(texts(seed, i)) for seed in (7, 8, 9, 10) for i in range(3)}
        return verdict("sampling: seed", **steps)

    assert drawn(lambda seed, i: f"{seed}").fate == "honoured"
    assert drawn(lambda seed, i: f"{seed}" if seed < 9 or i else "another").fate == "honoured"
    assert drawn(lambda seed, i: f"{seed} {i}").fate == "ignored"
    assert drawn(lambda seed, i: f"{seed} {i}" if seed == 7 else "the same").fate == "not seen"
    assert drawn(lambda seed, i: "the same").fate == "not seen"


def test_a_call_of_another_tool_than_the_chosen_one_is_not_obedience() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "zyr_lookup", "arguments": "{}"}}
    found = verdict("tools: tool_choice.type named", whole=whole(None, tool_calls=[call]))
    assert (found.fate, "zyr_lookup" in found.seen) == ("ignored", True)
    call["id"] = ""
    call["function"] = {"name": "vex_count", "arguments": "{}"}
    assert verdict("tools: tool_choice.type named", whole=whole(None, tool_calls=[call])).fate == "broken"


def test_counts_that_come_at_the_end_alone_are_no_counts_of_each_chunk() -> None:
    def streamed(counted: int) -> Seen:
        plain: list[Any] = [{"choices": [{"index": 0}]} for _ in range(4)]
        events = (*plain[counted:], *({**each, "usage": {"completion_tokens": 1}} for each in plain[:counted]))
        return Seen(Ask({"stream": True}), status=200, media_type="text/event-stream", events=events)

    name = "streams: stream_options.continuous_usage_stats"
    assert verdict(name, counted=streamed(1)).fate == "ignored"
    assert verdict(name, counted=streamed(3)).fate == "honoured"


def of_path(path: str, content: Any = None, events: tuple[Any, ...] = ()) -> Seen:
    kind = "text/event-stream" if events else "application/json"
    return Seen(Ask({}, path=path), status=200, media_type=kind, content=content, events=events)


def test_vectors_that_differ_from_those_of_each_text_alone_show_nothing_of_their_order() -> None:
    def of(*vectors: Any) -> Seen:
        return of_path("/embeddings", {"data": [{"index": i, "embedding": each} for i, each in enumerate(vectors)]})

    name, one, other = "embeddings vectors: input several texts", [1.0, 0.0], [0.0, 1.0]
    for both, fate in (
        (of(one, other), "honoured"),
        (of(other, one), "broken"),
        (of(one, one), "not seen"),
        (of(one), "ignored"),
        (of(one, ["x"]), "broken"),
        (of(one, [float("nan"), 1.0]), "broken"),
        (of(one, [10**400, 1]), "broken"),
    ):
        assert verdict(name, both=both, one=of(one), other=of(other)).fate == fate


def test_a_tool_of_the_servers_is_honoured_by_who_runs_it_alone() -> None:
    def of(*kinds: str) -> Seen:
        return of_path("/responses", {"status": "completed", "output": [{"type": kind} for kind in kinds]})

    name = "responses tools: tools[].type run by the server"
    assert verdict(name, searched=of("web_search_call", "message")).fate == "honoured"
    assert verdict(name, searched=of("message")).fate == "ignored"


def test_log_probabilities_in_another_form_than_lists_are_broken_and_none_at_all_are_ignored() -> None:
    def of(told: Any) -> Seen:
        return of_path("/completions", {"choices": [{"index": 0, "text": "ab", "logprobs": told}]})

    lists = {"tokens": ["a", "b"], "token_logprobs": [-1, -1], "top_logprobs": [{"a": -1}] * 2, "text_offset": [0, 1]}
    for told, fate in (
        (lists, "honoured"),
        (None, "ignored"),
        ({"content": [{"token": "a", "logprob": -1}]}, "broken"),
        ({**lists, "tokens": ["a", "c"]}, "broken"),
        ({**lists, "text_offset": [1, 0]}, "broken"),
        ({**lists, "top_logprobs": [None, None]}, "ignored"),
        ({**lists, "token_logprobs": [1.5, -1]}, "broken"),
    ):
        assert verdict("completions choices: logprobs", whole=of(told)).fate == fate, told


def test_a_status_that_is_about_the_key_or_the_number_of_requests_says_nothing_of_a_parameter() -> None:
    for status in (401, 403, 429):
        assert verdict("service: user", set=of_error(status, {"message": "no"})(Ask({}))).fate == "not seen"


def test_a_redirect_is_no_answer() -> None:
    assert verdict("service: user", set=Seen(Ask({}), status=307)).fate == "broken"


def test_a_property_is_named_by_its_place_by_what_holds_it_and_in_the_message_alone() -> None:
    path = ("messages[].content[].image_url",)
    assert name_in(Refusal(400, param="messages[0].content[1].image_url.url"), path) == "param"
    assert name_in(Refusal(400, param="messages.0.content"), path) == "param"
    assert name_in(Refusal(400, param="message"), path) == "no"
    assert name_in(Refusal(400, message="no image_url here"), path) == "message"
    assert name_in(Refusal(400, message="no images here"), path) == "no"


def test_a_server_that_knows_no_limit_and_no_temperature_is_asked_without() -> None:
    body = Base("m", limit=None, cold=False).body("Hello", 8, {})
    assert body == {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    assert "max_tokens" in Base("m", "max_tokens").body("Hello", 8, {})


JUNK: tuple[Any, ...] = (None, 7, -1, 10**30, 1.5, "x", [], [None], {}, {"index": []}, True)


def spoiled(value: Any, random: Random) -> Any:
    """A JSON value with something else in one place."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        name = random.choice(list(value))
        return {**value, name: spoiled(value[name], random)}
    if isinstance(value, list) and value and random.random() < 0.8:
        index = random.randrange(len(value))
        return [*value[:index], spoiled(value[index], random), *value[index + 1 :]]
    return random.choice(JUNK)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
def test_no_answer_whatever_it_is_keeps_a_probe_from_its_verdict(seed: int) -> None:
    random = Random(seed)
    good = scripted()

    def give(made: Ask) -> Seen:
        seen = good(made)
        if seen.is_stream:
            events = spoiled(list(seen.events), random)
            return replace(seen, events=tuple(events) if isinstance(events, list) else ())
        return replace(seen, content=spoiled(seen.content, random))

    for probe in PROBES:
        answers = ask(probe, give)
        assert verdict_of(probe, answers).fate
        for seen in answers.values():
            CONTRACT[probe.operation].broken(seen)
