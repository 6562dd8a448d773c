"""Events go in and typed deltas come out, however the bytes were split; what is not whole is an error."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from app.engines.asked import Asked
from app.engines.base import Delta, StreamItem, usage_of
from app.engines.dialects.drift import Drift
from app.engines.dialects.guard import Guard
from app.engines.dialects.llama_cpp.reader import LlamaReader
from app.engines.dialects.stream import StreamReader
from app.engines.tool_choice import ToolChoice
from app.engines.transport.events import MISSING_DONE, EventParser
from app.errors import ApiError, EngineUnavailable, UpstreamFailed
from app.jsontypes import Json

from ..asking import refuse
from ..chunks import ROLE, chunk, last_chunk
from . import garbage

Told = list[StreamItem]
USAGE = usage_of(3, 2)
TOOLS = ToolChoice(("get_time", "get_weather"))
HEAD = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": ""}}


def read(events: Iterable[Any], asked: Asked | None = None, drift: Drift | None = None) -> Told:
    """All that a stream tells, held to what was asked."""
    asked, drift = asked or Asked(), drift or Drift("")
    reader, guard = StreamReader(asked, drift), Guard(asked, drift, refuse)
    deltas = [delta for event in events for delta in guard.feed(reader.feed(json.dumps(event).encode()))]
    return [*deltas, *guard.end(reader.end())]


def test_a_good_stream_is_its_deltas_and_the_usage_last() -> None:
    drift = Drift("")
    texts = [chunk({"content": text}) for text in ("Hi", ".")]
    told = read([chunk(ROLE), *texts, chunk({}, "stop"), last_chunk()], drift=drift)
    assert told == [
        Delta(0, {"content": ""}),
        Delta(0, {"content": "Hi"}),
        Delta(0, {"content": "."}),
        Delta(0, {}, "stop"),
        {"usage": USAGE},
    ]
    assert drift.counts == {}


class Looking(StreamReader):
    """Counts the events that it looks into."""

    looked = 0

    def read(self, event: Json) -> list[StreamItem]:
        self.looked += 1
        return super().read(event)


@pytest.mark.parametrize(
    ("asked", "passes"), [(Asked(), True), (Asked(n=2), False), (Asked(json=True), True)], ids=["words", "two", "json"]
)
def test_an_event_of_text_alone_is_passed_on_without_a_look_where_nothing_needs_one(asked: Asked, passes: bool) -> None:
    reader = Looking(asked, Drift(""))
    plain = chunk({"content": "Hi"})
    others: list[Json] = [{**plain, "extra": 1}, {**plain, "usage": USAGE}, {**plain, "moderation": {}}]
    others += [chunk({"refusal": "No"}), chunk({"content": "Hi"}, logprobs={}), chunk({"content": "Hi"}, "stop"), plain]
    expected = [True, not passes] + [True] * len(others)  # also the first of a stream, and what follows its end
    looked = []
    for event in (plain, plain, *others):
        before = reader.looked
        with contextlib.suppress(UpstreamFailed):
            told = reader.feed(json.dumps(event).encode())
        looked.append(reader.looked > before)
        if not looked[-1]:
            assert list(told) == [Delta(0, {"content": "Hi"})]
    assert looked == expected


def test_the_choices_of_a_stream_may_come_in_any_order_and_several_at_once() -> None:
    both = {**chunk(), "choices": [chunk({"content": x}, index=i)["choices"][0] for i, x in ((1, "b"), (0, "a"))]}
    ends = [chunk({}, "stop", index=1), chunk({}, "length", index=0)]
    told = read([chunk(ROLE, index=1), chunk(ROLE), both, *ends, last_chunk()], Asked(n=2))
    deltas = [delta for delta in told if isinstance(delta, Delta)]
    assert [(delta.index, delta.message.get("content"), delta.finish_reason) for delta in deltas] == [
        (1, "", None),
        (0, "", None),
        (1, "b", None),
        (0, "a", None),
        (1, None, "stop"),
        (0, None, "length"),
    ]


def test_a_call_in_fragments_is_named_once_and_its_arguments_come_as_they_were_cut() -> None:
    more = [{"index": 0, "function": {"arguments": part}} for part in ('{"a"', ":1}")]
    events = [chunk(ROLE), *(chunk({"tool_calls": [call]}) for call in ({"index": 0, **HEAD}, *more))]
    told = read([*events, chunk({}, "tool_calls"), last_chunk()], Asked(tool_choice=TOOLS))
    calls = [
        delta.message["tool_calls"] for delta in told if isinstance(delta, Delta) and "tool_calls" in delta.message
    ]
    assert calls == [
        [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": '{"a"'}}],
        [{"index": 0, "function": {"arguments": ":1}"}}],
    ]


def test_a_custom_call_has_an_input_in_the_place_of_arguments() -> None:
    head = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "get_time", "input": "a"}}
    events = [chunk({"tool_calls": [call]}) for call in (head, {"index": 0, "custom": {"input": "b"}})]
    told = read([chunk(ROLE), *events, chunk({}, "tool_calls"), last_chunk()], Asked(tool_choice=TOOLS))
    calls = [
        delta.message["tool_calls"] for delta in told if isinstance(delta, Delta) and "tool_calls" in delta.message
    ]
    assert calls == [[head], [{"index": 0, "custom": {"input": "b"}}]]


def test_facts_come_with_the_first_event_and_moderation_whenever_it_is_told() -> None:
    first = {**chunk(ROLE), "service_tier": "flex", "system_fingerprint": "fp_7"}
    late = {**chunk(), "choices": [], "moderation": {"flagged": False}}
    told = read([first, {**chunk({"content": "a"}), "service_tier": "auto"}, late, chunk({}, "stop"), last_chunk()])
    facts = [fact for fact in told if isinstance(fact, dict)]
    assert facts == [
        {"service_tier": "flex", "system_fingerprint": "fp_7"},
        {"moderation": {"flagged": False}},
        {"usage": USAGE},
    ]


def test_a_usage_that_comes_early_or_often_is_told_once_and_last() -> None:
    counted = [{**chunk({"content": "a"}), "usage": {**USAGE, "completion_tokens": count}} for count in (1, 2)]
    told = read([chunk(ROLE), *counted, chunk({}, "stop")])
    assert [fact["usage"]["completion_tokens"] for fact in told if isinstance(fact, dict)] == [2]
    assert isinstance(told[-1], dict)


def test_without_a_usage_there_is_none_and_it_is_counted() -> None:
    drift = Drift("")
    told = read([chunk(ROLE), chunk({}, "stop")], drift=drift)
    assert all(isinstance(each, Delta) for each in told)
    assert drift.counts == {"usage_missing": 1}


def test_a_stream_without_done_is_whole_when_its_choices_are() -> None:
    drift = Drift("")
    reader = StreamReader(Asked(), drift)
    for event in (chunk(ROLE), chunk({}, "stop"), last_chunk()):
        reader.feed(json.dumps(event).encode())
    assert reader.feed(MISSING_DONE) == ()
    assert reader.end() == ({"usage": USAGE},)
    assert drift.counts == {"done_missing": 1}


@pytest.mark.parametrize(
    ("events", "asked"),
    [
        ([], Asked()),
        ([chunk(ROLE), chunk({"content": "a"})], Asked()),
        ([chunk(ROLE), chunk(ROLE, index=1)], Asked(n=2)),
    ],
    ids=["nothing", "no end", "two without end"],
)
def test_a_stream_that_ends_before_its_choices_is_a_failure(events: list[Json], asked: Asked) -> None:
    with pytest.raises(UpstreamFailed, match="before the answer was finished"):
        read([*events, last_chunk()] if events else [], asked)


def test_a_choice_that_is_finished_twice_ends_once() -> None:
    told = read([chunk(ROLE), chunk({}, "stop"), chunk({}, "length"), last_chunk()])
    assert [delta.finish_reason for delta in told if isinstance(delta, Delta)] == [None, "stop", None]


@pytest.mark.parametrize("more", [{"content": "a"}, {"tool_calls": [{"index": 0, **HEAD}]}], ids=str)
def test_a_choice_that_goes_on_after_its_end_is_a_failure(more: Json) -> None:
    with pytest.raises(UpstreamFailed, match="after the answer's end"):
        read([chunk(ROLE), chunk({}, "stop"), chunk(more)])


def test_an_error_in_an_event_is_raised_as_what_it_means() -> None:
    with pytest.raises(EngineUnavailable):
        read([chunk(ROLE), {"error": {"message": "busy", "code": 503}}])
    with pytest.raises(UpstreamFailed):
        read([chunk(ROLE), {**chunk({"content": "a"}), "error": {"message": "boom"}}])


def test_an_answer_that_is_to_be_json_is_looked_at_as_a_whole_unless_it_is_cut() -> None:
    asked = Asked(json=True)
    whole = [chunk({"content": "{"}), chunk({"content": "}"}), chunk({}, "stop"), last_chunk()]
    assert [delta.message for delta in read(whole, asked) if isinstance(delta, Delta)][:2] == [
        {"content": "{"},
        {"content": "}"},
    ]
    with pytest.raises(UpstreamFailed, match="format"):
        read([chunk({"content": "{"}), chunk({}, "stop")], asked)
    assert read([chunk({"content": "{"}), chunk({}, "length"), last_chunk()], asked)


@pytest.mark.parametrize("name", ["any", "llama.cpp"])
def test_a_stream_that_is_split_anywhere_tells_the_same(name: str) -> None:
    random = Random(name)

    def told(pieces: Iterable[bytes]) -> list[StreamItem | str]:
        """All that is told, up to an error and with it."""
        asked = Asked(alternatives=1, tool_choice=TOOLS)
        reader = LlamaReader(asked, Drift("")) if name == "llama.cpp" else StreamReader(asked, Drift(""))
        parser = EventParser()
        deltas: list[StreamItem | str] = []
        try:
            for piece in pieces:
                for event in parser.feed(piece):
                    deltas += reader.feed(event)
            deltas += reader.end()
        except ApiError as error:
            deltas.append(error.message)
        return deltas

    for _ in range(60):
        ends = random.choice(("\n", "\r\n", "\r"))
        lines = [f"data: {json.dumps(event)}" for event in garbage.stream(random)]
        lines = [line for each in lines for line in ((": ping", "", each) if random.random() < 0.2 else (each,))]
        data = "".join(line + 2 * ends for line in lines).encode()
        cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(12)))
        pieces = [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert told(pieces) == told([data]), pieces
