"""What of an answer breaks the contract, what a report says, what differs between two, and the block that follows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.certify.answers import calls, count, finish, joined, logprobs, message, text, thoughts, whole
from app.certify.asking import Left
from app.certify.block import block
from app.certify.diff import as_text as difference
from app.certify.diff import differences
from app.certify.exchange import Ask, Seen
from app.certify.operations import COMPLETIONS, EMBEDDINGS, OPERATIONS, RESPONSES, Operation
from app.certify.produced import rows as produced
from app.certify.report import Report, score
from app.certify.rules import Broken, Rules
from app.certify.running import cancelled
from app.certify.showing import as_markdown, as_text
from app.certify.verdicts import Fate, Row
from app.errors import ConfigurationError

from ..conftest import Command

GOOD: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "x", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
}


def seen(content: Any = None, *, status: int = 200, events: tuple[Any, ...] = (), number: int = 1) -> Seen:
    kind = "text/event-stream" if events else "application/json"
    return Seen(Ask({"stream": bool(events)}), number, status, kind, content, events, done=True)


def at(path: str, content: Any = None, *, events: tuple[Any, ...] = ()) -> Seen:
    """What comes of an operation."""
    given = seen(content, events=events)
    return replace(given, ask=Ask({"stream": bool(events)}, path=path))


def chunk(delta: dict[str, Any], **choice: Any) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}],
    }


# -- answers -------------------------------------------------------------------------------------------------------


def test_a_stream_is_put_together_to_what_a_whole_answer_would_be() -> None:
    token = {"token": "a", "logprob": -1, "bytes": [97]}
    call = {"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a"'}}
    events = (
        chunk({"role": "assistant", "content": "a"}, logprobs={"content": [token], "refusal": None}),
        chunk({"content": "b", "tool_calls": [call]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}, finish_reason="tool_calls"),
        {**chunk({}), "choices": [], "usage": {"prompt_tokens": 1}},
    )
    got = seen(events=events)
    assert (text(got), finish(got), message(got)["role"]) == ("ab", "tool_calls", "assistant")
    assert calls(got)[0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert logprobs(got) == [token]
    assert whole(got)["usage"] == {"prompt_tokens": 1}


@pytest.mark.parametrize("content", [None, [], {"choices": [None]}, {"choices": [{"message": 7}]}, {"choices": 7}])
def test_what_is_no_answer_is_read_as_an_empty_one(content: Any) -> None:
    assert (text(seen(content)), finish(seen(content)), calls(seen(content))) == ("", None, [])


def test_a_completion_of_a_text_is_read_as_a_chat_is() -> None:
    lists = {
        "tokens": ["a", "b"],
        "token_logprobs": [None, -1],
        "top_logprobs": [None, {"c": -2}],
        "text_offset": [0, 1],
    }
    choice = {"index": 0, "text": "ab", "logprobs": lists, "finish_reason": "stop"}
    for got in (
        at("/completions", {"choices": [choice], "usage": {"prompt_tokens": 1}}),
        at(
            "/completions",
            events=(
                {"choices": [{**choice, "finish_reason": None}]},
                {"choices": [{**choice, "text": "", "logprobs": None}]},
            ),
        ),
    ):
        assert (text(got), finish(got)) == ("ab", "stop")
        told = logprobs(got) or []
        assert [(each["token"], each["logprob"], each["offset"]) for each in told] == [("a", None, 0), ("b", -1, 1)]
        assert told[1]["top_logprobs"] == [{"token": "c", "logprob": -2}]


def test_a_response_is_read_as_a_chat_is_whole_and_by_its_events() -> None:
    message = {
        "type": "message",
        "id": "m",
        "content": [{"type": "output_text", "text": "ab", "logprobs": [{"token": "ab"}]}],
    }
    call = {"type": "function_call", "id": "f", "call_id": "1", "name": "f", "arguments": '{"a": 1}'}
    thought = {"type": "reasoning", "id": "r", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    ended = {"id": "resp", "status": "completed", "output": [thought, message, call], "usage": {"input_tokens": 3}}
    events = (
        {"type": "response.output_item.added", "item": {**thought, "content": []}},
        {"type": "response.reasoning_text.delta", "item_id": "r", "delta": "hm"},
        {"type": "response.output_item.added", "item": {**message, "content": []}},
        {"type": "response.output_text.delta", "item_id": "m", "delta": "a", "logprobs": []},
        {"type": "response.output_text.delta", "item_id": "m", "delta": "b", "logprobs": [{"token": "ab"}]},
        {"type": "response.output_item.added", "item": {**call, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "item_id": "f", "delta": '{"a":'},
        {"type": "response.function_call_arguments.delta", "item_id": "f", "delta": " 1}"},
        # What the end says of the output is not what a stream is read by.
        {"type": "response.completed", "response": {**ended, "output": []}},
    )
    for got in (at("/responses", ended), at("/responses", events=events)):
        assert (text(got), thoughts(got), finish(got)) == ("ab", "hm", "tool_calls")
        assert [each["function"] for each in calls(got)] == [{"name": "f", "arguments": '{"a": 1}'}]
        assert (logprobs(got), count(got, "prompt_tokens")) == ([{"token": "ab"}], 3)
    cut = {**ended, "output": [message], "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert finish(at("/responses", cut)) == "length"


@pytest.mark.parametrize("path", [operation.path for operation in OPERATIONS])
@pytest.mark.parametrize(
    "event", [None, 7, {"type": 7}, {"item": 7, "type": "response.output_item.added"}, {"choices": 7}]
)
def test_events_that_are_none_are_read_as_nothing(path: str, event: Any) -> None:
    got = at(path, events=(event,))
    assert (text(got), finish(got), calls(got)) == ("", None, [])


def test_a_failure_is_found_wherever_an_operation_tells_of_it() -> None:
    error = {"message": "worn out", "code": "server_error", "param": "stop"}
    for events in (
        ({"error": error},),
        ({"type": "error", **error},),
        ({"type": "response.failed", "response": {"status": "failed", "error": error}},),
    ):
        got = at("/responses", events=events)
        assert got.trouble == "a stream that failed: worn out"
        assert got.blame is not None
        assert got.blame.param == "stop"
    assert at("/responses", {"output": [], "error": error}).trouble == "status 200 with an error: worn out"
    assert at("/embeddings", {"vectors": []}).trouble.startswith("status 200 without data")
    assert at("/embeddings", {"data": []}).accepted


def test_tokens_that_are_parts_of_a_character_join_to_it() -> None:
    assert joined([{"token": "?", "bytes": [0xC3]}, {"token": "?", "bytes": [0xA9]}, {"token": "x"}]) == "éx"


# -- the contract --------------------------------------------------------------------------------------------------


def test_what_breaks_the_contract_is_told_by_property(rules: Rules) -> None:
    assert rules.broken(seen(GOOD)) == {}
    bad = json.loads(json.dumps(GOOD))
    del bad["choices"][0]["message"]["refusal"]
    bad["choices"][0]["finish_reason"] = "eos"
    bad["created"] = "now"
    found = {fault.path: fault.rule for fault in rules.broken(seen(bad))}
    assert set(found) == {"choices[].message.refusal", "choices[].finish_reason", "created"}
    assert found["choices[].message.refusal"] == "it is missing"
    assert found["created"] == "its type is not integer"


def test_chunks_and_errors_are_held_against_their_own_schemas(rules: Rules) -> None:
    broken_chunk = chunk({"content": 7})
    assert list(rules.broken(seen(events=(chunk({"content": "x"}), broken_chunk)))) == [
        Broken("chunk", "choices[].delta.content", "its type is not null or string")
    ]
    error = {"error": {"message": "no", "type": "x", "code": 400}}
    assert {fault.path for fault in rules.broken(seen(error, status=400))} == {"error.param", "error.code"}
    assert [fault.side for fault in rules.broken(seen(["no"], status=400))] == ["error"]


@pytest.mark.parametrize(
    ("operation", "good", "side", "path"),
    [
        (
            COMPLETIONS,
            {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [{"text": "x"}]},
            "completion",
            "choices[].finish_reason",
        ),
        (
            EMBEDDINGS,
            {
                "object": "list",
                "model": "m",
                "data": [{"object": "embedding", "index": 0, "embedding": "a"}],
                "usage": 7,
            },
            "embeddings",
            "usage",
        ),
        (RESPONSES, {"id": "r", "object": "response", "output": []}, "response", "status"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_answers_of_each_operation_are_held_against_its_own_schema(
    rules: Rules, operation: Operation, good: Any, side: str, path: str
) -> None:
    own = Rules(rules.document, operation)
    got = at(operation.path, good)
    assert (side, path) in {(fault.side, fault.path) for fault in own.broken(got)}
    assert not own.broken(seen(good)), "what is of another operation is not its own"
    assert {each.operation for each in produced(own, [got], {})} == {operation.name}


def test_the_events_of_a_response_are_held_against_the_one_that_each_says_it_is(rules: Rules) -> None:
    own = Rules(rules.document, RESPONSES)
    event = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "x"}
    good = {**event, "sequence_number": 0, "logprobs": []}
    assert own.broken(at("/responses", events=(good,))) == {}
    assert {(fault.path, fault.rule) for fault in own.broken(at("/responses", events=(event,)))} == {
        ("sequence_number", "it is missing"),
        ("logprobs", "it is missing"),
    }
    (unknown,) = own.broken(at("/responses", events=({**good, "type": "response.sung"},)))
    assert unknown.path == "type"
    assert "response.output_text.delta" in unknown.rule
    assert "response.completed" in unknown.rule


def test_every_property_of_answers_has_a_row_that_says_whether_it_was_there(rules: Rules) -> None:
    bad = {**GOOD, "created": "now"}
    found = list(produced(rules, [seen(bad, number=7)], {"logprobs": "ignored"}))
    rows = {(row.side, row.path): row for row in found}
    assert {key for key in rows if key[1]} == {(side, path) for side, paths in rules.answers.items() for path in paths}
    assert (rows["completion", "created"].fate, rows["completion", "created"].requests) == ("broken", (7,))
    assert rows["completion", "model"].fate == "honoured"
    missing = rows["completion", "choices[].logprobs.content"]
    assert (missing.fate, missing.seen) == ("not seen", "no answer has it; it comes by logprobs, which is ignored")
    assert rows["chunk", "id"].seen == "no chunk came"


# -- reports -------------------------------------------------------------------------------------------------------


def row(path: str, fate: Fate, group: str = "sampling", **more: Any) -> Row:
    return Row(group, "request", path, "", fate, **{"seen": "so", **more})


REPORT = Report(
    "http://192.0.2.1/v1",
    "org/m",
    "vllm",
    (
        row("temperature", "honoured", asked="POST | x", requests=(1, 2)),
        row("seed", "ignored", seen="another\nanswer"),
        row("stop", "refused", "length", named="param", status=400, code="no"),
        row("functions", "refused", "tools", named="no", status=400),
        row("custom", "not probed", "tools"),
        row("user", "not seen", "service"),
    ),
    requests=3,
)


def test_the_score_is_the_share_of_what_is_honoured_or_refused_by_name() -> None:
    assert score(REPORT.rows) == 50
    assert {name: score(rows) for name, rows in REPORT.groups.items()} == {
        "chat sampling": 50,
        "chat length": 100,
        "chat tools": 0,
        "chat service": None,
    }


def test_each_operation_has_a_score_and_one_that_is_not_offered_has_none_and_spoils_no_other() -> None:
    texts = (replace(row("echo", "ignored", "texts"), operation="completions"),)
    missing = replace(
        row("", "not offered", "offer"), operation="embeddings", side="behaviour", check="POST /embeddings"
    )
    report = replace(REPORT, rows=(*REPORT.rows, *texts, missing))
    assert {name: score(rows) for name, rows in report.operations.items()} == {
        "chat": 50,
        "completions": 0,
        "embeddings": None,
    }
    assert score(report.rows) == 40
    assert json.loads(report.to_json())["operations"]["embeddings"] == {"not offered": 1, "score": None}
    shown = as_text(report).splitlines()
    assert any(line.split() == ["all", "of", "chat", "1", "1", "2", "1", "1", "50", "%"] for line in shown)
    assert shown[-1].startswith(
        "org/m at http://192.0.2.1/v1: 40 % of what was decided is honoured or refused by name "
    )
    assert "(chat 50 %, completions 0 %)" in shown[-1]


def test_a_report_of_before_there_were_other_operations_is_one_of_chats(tmp_path: Path) -> None:
    written = json.loads(REPORT.to_json())
    for each in written["rows"]:
        del each["operation"]
    del written["models"]
    (tmp_path / "r.json").write_text(json.dumps(written))
    assert Report.read(tmp_path / "r.json").rows == REPORT.rows


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(REPORT.to_json())
    assert Report.read(tmp_path / "r.json").rows == REPORT.rows
    written = json.loads(REPORT.to_json())
    assert written["groups"]["chat sampling"] == {"honoured": 1, "ignored": 1, "score": 50}
    assert written["counts"]["refused"] == 2


@pytest.mark.parametrize("text", ["", "[]", '{"url": 1}', '{"url": 1, "model": 1, "owner": 1, "rows": [{}]}'])
def test_a_file_that_is_no_report_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ConfigurationError, match="is no report of certify"):
        Report.read(tmp_path / "r.json")


def test_a_report_is_shown_as_text_and_as_markdown() -> None:
    shown = as_text(REPORT)
    assert "  temperature  honoured    so\n" in shown
    assert any(line.split() == ["chat", "tools", "1", "1", "0", "%"] for line in shown.splitlines())
    assert "50 % of what was decided" in shown
    assert "| `temperature` | honoured | so | `POST \\| x` | 1, 2 |\n" in as_markdown(REPORT)
    assert "another answer" in as_markdown(REPORT)


def test_two_reports_differ_for_better_and_for_worse() -> None:
    changed = (
        replace(REPORT.rows[0], fate="broken", seen="500"),
        replace(REPORT.rows[1], fate="honoured", seen="so"),
        *REPORT.rows[2:5],
    )
    after = replace(REPORT, rows=changed)
    assert list(differences(REPORT, after)) == [
        ("worse", "chat sampling: temperature: honoured -> broken (500)"),
        ("better", "chat sampling: seed: ignored -> honoured (so)"),
        ("other", "chat service: user: not seen -> not there"),
    ]
    assert difference(REPORT, REPORT) == "0 differences; score 50 % -> 50 %"


def test_the_block_has_what_was_proven_and_can_be_served(command: Command, tmp_path: Path) -> None:
    rows = (
        row("temperature", "honoured"),
        row("seed", "ignored", seen="another\nanswer"),
        row("tools[].custom", "honoured", "tools"),
        row("parallel_tool_calls", "ignored", "tools"),
        row("tools", "honoured", "tools"),
        row("logit_bias", "refused", named="param"),
        replace(row("stop", "broken"), group="bounds"),
    )
    made = block(replace(REPORT, rows=rows), key_env="THE_KEY")
    assert made.splitlines()[:5] == [
        '[models."org/m"]',
        'engine = "upstream"',
        'dialect = "vllm"',
        'base_urls = ["http://192.0.2.1/v1"]',
        'upstream_model = "org/m"',
    ]
    assert 'capabilities.add = ["custom_tools"]' in made
    assert 'capabilities.remove = ["logit_bias", "seed"]' in made
    assert "# seed: seed is ignored: another answer\n" in made
    assert "stop" in made.partition("# neither proven nor disproven: ")[2], "bounds prove nothing"
    (tmp_path / "p.toml").write_text(made)
    done = command("config", "check", PARLEY_CONFIG=str(tmp_path / "p.toml"), THE_KEY="sk-1")
    assert (done.exit_code, done.stdout) == (0, "org/m  upstream  vllm, 1 replica\n"), done.output


def test_under_the_dialect_that_says_nothing_of_a_server_each_parameter_of_tools_counts() -> None:
    rows = (row("tools", "honoured", "tools"), row("parallel_tool_calls", "ignored", "tools"))
    assert 'capabilities.remove = ["tools"]' in block(replace(REPORT, rows=rows), dialect="openai")


def test_the_block_lacks_the_operations_that_the_model_does_not_offer() -> None:
    def of(operation: str, path: str, fate: Fate, check: str = "") -> Row:
        return replace(row(path, fate, named="param"), operation=operation, check=check)

    rows: tuple[Row, ...] = (
        of("completions", "prompt", "honoured", "tokens"),
        of("completions", "suffix", "ignored"),
        of("completions", "temperature", "honoured"),
        of("chat", "", "not offered", "POST /chat/completions"),
        of("embeddings", "", "not seen", "POST /embeddings"),
    )
    made = block(replace(REPORT, rows=rows, models={"completions": "org/m"}), dialect="ollama")
    assert 'capabilities.add = ["token_prompts"]\n' in made
    assert 'capabilities.remove = ["chat", "suffix"]\n' in made
    # The model of another operation is none of this block's.
    rows = (of("chat", "temperature", "honoured"), of("embeddings", "dimensions", "ignored"))
    made = block(replace(REPORT, rows=rows, models={"chat": "org/m", "embeddings": "org/e"}), dialect="vllm")
    assert 'capabilities.remove = ["embeddings"]\n' in made


# -- cancellation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alone", "beside", "after", "fate"),
    [
        (0.1, 1.0, 0.12, "honoured"),
        (0.1, 1.0, 0.95, "ignored"),
        (0.1, 1.0, 0.6, "not seen"),
        (0.1, 0.15, 0.1, "not seen"),
        (0.01, 0.05, 0.05, "not seen"),
    ],
)
def test_whether_streams_that_were_left_go_on_is_told_by_the_time_of_another_request(
    alone: float, beside: float, after: float, fate: str
) -> None:
    assert cancelled(Left(alone, beside, after, 4, 1)).fate == fate
    assert cancelled(None).fate == "not seen"
