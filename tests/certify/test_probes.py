"""The probes ask for all of the contract, and each tells who honours it from who takes no notice, refuses or fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from app.certify.exchange import Ask, Refusal, Seen, paths_in
from app.certify.probe import Base, Probe, name_in, verdict_of
from app.certify.probes.bounds import GROUP as BOUNDS
from app.certify.probes.every import every
from app.certify.rules import Rules
from app.certify.verdicts import Fate, Verdict
from app.contract.document import Document
from app.settings import Settings
from app.wiring import contract_path

from .scripted_server import KEY, MODEL, Scripted

RULES = Rules(Document.load(contract_path(Settings())))
PROBES = every(RULES.document, RULES.pointer, RULES.fits)
BASE = Base(MODEL, has_key=True)


def called(probe: Probe) -> str:
    return f"{probe.group}: {' '.join(filter(None, (*probe.paths[:1], probe.check)))}"


BY_NAME = {called(probe): probe for probe in PROBES}

Give = Callable[[Ask], Seen]


def ask(probe: Probe, give: Give, base: Base = BASE) -> dict[str, Seen]:
    """What a server gives to a probe."""
    answers: dict[str, Seen] = {}
    for step in probe.steps:
        made = step.make(base, answers)
        if made is not None:
            answers[step.name] = give(made)
    return answers


def judged(probe: Probe, give: Give) -> Verdict:
    return verdict_of(probe, ask(probe, give))


def scripted(*vices: str) -> Give:
    return Scripted(RULES, *vices, key=KEY).ask


def test_every_property_of_a_request_is_probed_and_no_other() -> None:
    probed = {path for probe in PROBES for path in (*probe.paths, *probe.parts)}
    assert probed == set(RULES.request)


def test_every_parameter_is_tried_with_a_value_of_another_type() -> None:
    tried = {
        path for probe in PROBES if probe.group == BOUNDS and probe.check == "another type" for path in probe.paths
    }
    assert tried == {path for path in RULES.request if "." not in path}


@pytest.mark.parametrize("probe", PROBES, ids=called)
def test_a_probe_asks_with_the_properties_that_it_is_about(probe: Probe) -> None:
    asked = {path for seen in ask(probe, scripted()).values() for path in paths_in(seen.ask.body)}
    assert {*probe.paths, *probe.parts} <= asked


@pytest.mark.parametrize("probe", PROBES, ids=called)
def test_what_is_asked_keeps_to_the_contract_unless_it_is_nonsense(probe: Probe) -> None:
    roles = {step.name: step.role for step in probe.steps}
    for name, seen in ask(probe, scripted()).items():
        if isinstance(seen.ask.body, dict) and roles[name] != "nonsense":
            assert RULES.fits(seen.ask.body), name


def test_no_two_probes_have_the_same_name() -> None:
    assert len(BY_NAME) == len(PROBES)


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
}
# What points to something that there is not, which who honours it refuses.
MADE_UP = {"messages: messages[].audio", "media: messages[].content[].file.file_id", "service: audio.voice.id"}


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
    *(name for name in BY_NAME if name.endswith("neutral values")),
}


@pytest.mark.parametrize("vices", [("deaf",), ("deaf", "by chance")], ids=["alike", "by chance"])
@pytest.mark.parametrize("probe", PROBES, ids=called)
def test_a_server_that_takes_no_notice_is_never_seen_to_honour(probe: Probe, vices: tuple[str, ...]) -> None:
    fates: set[Fate] = {"ignored"}
    if called(probe) in HABITS:
        fates = {"not seen"}
    elif called(probe) in ANYWAY:
        fates = {"honoured", "not seen"} if "by chance" in vices else {"honoured"}
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
            RULES.broken(seen)
