"""Which properties of the contract's answers were seen in any answer, and which were broken: a row for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from .exchange import Seen, paths_in
from .rules import Broken, Rules
from .verdicts import Fate, Row

GROUP = "answers"
# The parameters that parts of an answer depend on.
_BY = (
    ("logprobs.refusal", "a refusal with logprobs"),
    ("logprobs", "logprobs"),
    ("annotations", "web_search_options"),
    ("audio", "modalities"),
    ("moderation", "moderation"),
    ("custom", "tools[].custom"),
    ("tool_calls", "tools"),
    ("function_call", "functions"),
    ("reasoning_content", "reasoning_effort"),
    ("metadata", "metadata"),
    ("obfuscation", "stream_options.include_obfuscation"),
    ("prediction", "prediction"),
    ("service_tier", "service_tier"),
    ("usage", "stream_options.include_usage"),
)


def rows(rules: Rules, answers: Iterable[Seen], fates: Mapping[str, Fate]) -> Iterator[Row]:
    """A row for each property of an operation's answers, in the contract's order. ``answers`` are the operation's
    answers, ``fates`` are the outcomes of the properties of its requests."""
    for row in _rows(rules, list(answers), fates):
        yield replace(row, operation=rules.operation.name)


def _rows(rules: Rules, seen: list[Seen], fates: Mapping[str, Fate]) -> Iterator[Row]:
    first: dict[tuple[str, str], Seen] = {}
    faults: dict[tuple[str, str], tuple[Broken, Seen]] = {}
    asked: dict[str, Seen] = {}
    for answer in seen:
        for side, value in rules.parts(answer):
            asked.setdefault(side, answer)
            for path in paths_in(value):
                first.setdefault((side, path), answer)
        for fault in rules.broken(answer):
            faults.setdefault((fault.side, fault.path), (fault, answer))
    for side, paths in rules.answers.items():
        for path in ("", *paths):
            key = (side, path)
            if key in faults:
                fault, answer = faults.pop(key)
                yield _row(side, path, "broken", fault.rule, answer)
            elif not path:
                continue
            elif key in first:
                yield _row(side, path, "honoured", "it is there, as the contract has it", first[key])
            else:
                yield _row(side, path, "not seen", _why(side, path, side in asked, fates), None)
    for (side, path), (fault, answer) in faults.items():
        yield _row(side, path, "broken", fault.rule, answer)


def _row(side: str, path: str, fate: Fate, seen: str, answer: Seen | None) -> Row:
    return Row(
        GROUP,
        side,
        path,
        "" if path else "its form",
        fate,
        seen,
        str(answer.ask) if answer is not None else "",
        (answer.number,) if answer is not None else (),
    )


def _why(side: str, path: str, came: bool, fates: Mapping[str, Fate]) -> str:
    if not came:
        return f"no {side} came"
    if path.partition(".")[0] == "error" and side == "chunk":
        return "no stream failed after its beginning"
    parameter = next((by for part, by in _BY if part in path), None)
    if parameter is None:
        return "no answer has it"
    fate = fates.get(parameter)
    return f"no answer has it; it comes by {parameter}" + (
        f", which is {fate}" if fate in ("refused", "ignored") else ""
    )
