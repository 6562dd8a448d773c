"""What of an answer breaks the contract, what a report says, what differs between two, and the block that follows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.certify.answers import calls, finish, joined, logprobs, message, text, whole
from app.certify.asking import Left
from app.certify.block import block
from app.certify.diff import as_text as difference
from app.certify.diff import differences
from app.certify.exchange import Ask, Seen
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
        "sampling": 50,
        "length": 100,
        "tools": 0,
        "service": None,
    }


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(REPORT.to_json())
    assert Report.read(tmp_path / "r.json").rows == REPORT.rows
    written = json.loads(REPORT.to_json())
    assert written["groups"]["sampling"] == {"honoured": 1, "ignored": 1, "score": 50}
    assert written["counts"]["refused"] == 2


@pytest.mark.parametrize("text", ["", "[]", '{"url": 1}', '{"url": 1, "model": 1, "owner": 1, "rows": [{}]}'])
def test_a_file_that_is_no_report_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ConfigurationError, match="is no report of certify"):
        Report.read(tmp_path / "r.json")


def test_a_report_is_shown_as_text_and_as_markdown() -> None:
    shown = as_text(REPORT)
    assert "  temperature  honoured    so\n" in shown
    assert any(line.split() == ["tools", "1", "1", "0", "%"] for line in shown.splitlines())
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
        ("worse", "sampling: temperature: honoured -> broken (500)"),
        ("better", "sampling: seed: ignored -> honoured (so)"),
        ("other", "service: user: not seen -> not there"),
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
