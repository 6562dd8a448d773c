"""Text completions: the properties that only they have, and those that they share with chats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..answers import choices, count, is_logprob, joined, logprobs, text
from ..exchange import shortened
from ..operations import COMPLETIONS
from ..probe import Answers, Probe, of, step
from ..values import get, items
from ..verdicts import Verdict, broken, honoured, ignored, not_seen
from . import choices as several
from . import errors, length, messages, sampling, service, streams

GROUP = "texts"
_ONE, _OTHER = "The sun rises in the", "Two and two make"
_TOKENS = range(400, 412)
_ALTERNATIVES = 2
_MADE = 4


def _each(one: Any, other: Any) -> Probe:
    """A probe of two prompts in one request: the answers must be those of each prompt alone."""

    def judge(answers: Answers) -> Verdict:
        found = sorted(str(choice.get("index")) for choice in choices(answers["both"]))
        if len(found) < 2:
            return ignored(f"2 prompts, {len(found)} choice")
        if found != ["0", "1"]:
            return broken(f"2 prompts, and the indexes of their choices are {', '.join(found)}")
        came = [text(answers["both"], choice) for choice in (0, 1)]
        alone = [text(answers[name]) for name in ("one", "other")]
        if came == alone:
            return honoured("2 prompts, 2 choices, each the same as alone")
        if came == alone[::-1]:
            return broken("2 prompts, and their choices are in the wrong order")
        return not_seen("2 prompts, 2 choices, other ones than alone")

    is_text = isinstance(one, str)
    return Probe(
        GROUP,
        "several texts" if is_text else "several lists of tokens",
        (
            step("both", [one, other]),
            step("one", one, role="compare"),
            step("other", other, role="compare"),
        ),
        judge,
        ("prompt",),
    )


def _tokens(answers: Answers) -> Verdict:
    short, long = (count(answers[name], "prompt_tokens") for name in ("short", "long"))
    if short is None or long is None:
        return not_seen("no token counts")
    if long - short == len(_TOKENS) - 2:
        return honoured(f"{len(_TOKENS)} tokens given, and {long - short} more read than of 2")
    return ignored(f"{len(_TOKENS)} tokens given, and {long - short} more read than of 2")


def _echo(answers: Answers) -> Verdict:
    for name in ("whole", "streamed"):
        if name in answers and not text(answers[name]).startswith(_ONE):
            where = " in a stream" if name == "streamed" else ""
            return ignored(f"the text does not begin with the prompt{where}: {shortened(text(answers[name]), 40)!r}")
    return honoured("the text begins with the prompt")


def _echo_logprobs(answers: Answers) -> Verdict:
    found, written = logprobs(answers["whole"]), count(answers["whole"], "completion_tokens")
    if not found:
        return _none(answers, "whole")
    if written is not None and len(found) <= written:
        return ignored(f"{len(found)} log probabilities with {written} tokens written: none of the prompt's")
    if not all(is_logprob(get(token, "logprob")) for token in found[1:]):
        return broken("a log probability that is none")
    if joined(found).strip() != text(answers["whole"]).strip():
        return broken(f"the tokens do not join to the text: {joined(found)[:40]!r}")
    return honoured(f"{len(found)} log probabilities with {written} tokens written: the prompt's too")


def _none(answers: Answers, name: str) -> Verdict:
    """The verdict for an answer without the lists of tokens."""
    where = " in a stream" if name == "streamed" else ""
    if not text(answers[name]):
        return not_seen("the answer has no text")
    if logprobs(answers[name]) is None:
        return ignored(f"logprobs asked, and there are none{where}")
    return broken(f"the log probabilities have not the lists of the contract{where}")


def _logprobs(answers: Answers) -> Verdict:
    for name in ("whole", "streamed"):
        if name not in answers:
            continue
        where = " in a stream" if name == "streamed" else ""
        tokens = logprobs(answers[name])
        if not tokens:
            return _none(answers, name)
        if not all(is_logprob(get(token, "logprob")) for token in tokens):
            return broken(f"a log probability that is none{where}")
        if joined(tokens).strip() != text(answers[name]).strip():
            return broken(f"the tokens do not join to the text{where}: {joined(tokens)[:40]!r}")
        # Two alternatives with the same text share one key of the object, and the token itself may be an extra key.
        most = max(len(items(token, "top_logprobs")) for token in tokens)
        if not 0 < most <= _ALTERNATIVES + 1:
            return ignored(f"{_ALTERNATIVES} alternatives asked, {most} came{where}")
        offsets = [get(token, "offset") for token in tokens]
        if not _rising(offsets):
            return broken(f"text_offset does not tell where tokens begin{where}: {offsets[:4]}")
    number = len(logprobs(answers["whole"]) or ())
    return honoured(f"{number} tokens that join to the text, with {_ALTERNATIVES} alternatives")


def _rising(offsets: Sequence[Any]) -> bool:
    return all(isinstance(offset, int) for offset in offsets) and list(offsets) == sorted(offsets)


def _best_of(answers: Answers) -> Verdict:
    best, one = (count(answers[name], "completion_tokens") for name in ("best", "one"))
    if len(choices(answers["best"])) != 1:
        return ignored(f"1 choice asked, {len(choices(answers['best']))} came")
    if best is not None and one is not None and best > one:
        return honoured(f"{_MADE} made: {best} tokens are counted, {one} without")
    return not_seen("no more tokens are counted than without; a server need not count those of choices left out")


def _suffix(answers: Answers) -> Verdict:
    found: Verdict = messages.reads(True)(answers)
    if found.fate == "ignored":
        return ignored("a suffix changes neither the answer nor how many tokens are read")
    return found


_OWN = (
    Probe(
        GROUP,
        "",
        (
            step("short", messages.SHORT),
            step("short again", messages.SHORT, turn=1),
            step("long", messages.LONG),
            step("nonsense", role="nonsense", prompt=7),
        ),
        messages.reads(True),
        ("prompt",),
    ),
    _each(_ONE, _OTHER),
    Probe(
        GROUP,
        "tokens",
        (step("long", [*_TOKENS]), step("short", [*_TOKENS[:2]], role="compare")),
        _tokens,
        ("prompt",),
    ),
    _each([*_TOKENS[:2]], [*_TOKENS[2:6]]),
    Probe(
        GROUP,
        "",
        (
            step("whole", _ONE, echo=True),
            step("streamed", _ONE, role="aid", echo=True, stream=True),
            step("nonsense", _ONE, role="nonsense", echo="yes"),
        ),
        _echo,
        ("echo",),
    ),
    Probe(GROUP, "with logprobs", (step("whole", _ONE, echo=True, logprobs=1),), _echo_logprobs, ("echo",)),
    Probe(
        GROUP,
        "",
        (
            step("short", _ONE, suffix=""),
            step("short again", _ONE, turn=1, suffix=""),
            step("long", _ONE, suffix=" and sets in the west, as it did on the day before."),
            step("nonsense", _ONE, role="nonsense", suffix=7),
        ),
        _suffix,
        ("suffix",),
    ),
    Probe(
        several.GROUP,
        "",
        (
            step("whole", _ONE, logprobs=_ALTERNATIVES),
            step("streamed", _ONE, role="aid", logprobs=_ALTERNATIVES, stream=True),
            step("nonsense", _ONE, role="nonsense", logprobs="two"),
        ),
        _logprobs,
        ("logprobs",),
    ),
    Probe(
        several.GROUP,
        "",
        (
            step("best", _ONE, best_of=_MADE),
            step("one", _ONE, role="compare"),
            step("nonsense", _ONE, role="nonsense", best_of="many"),
        ),
        _best_of,
        ("best_of",),
    ),
)
_WRONG = (
    errors.field("fewer made than asked for", "best_of", best_of=1, n=2),
    errors.field("a prompt of nothing", "prompt", prompt=[]),
)

PROBES: tuple[Probe, ...] = (
    *of(COMPLETIONS, messages.MODEL),
    *(replace(probe, operation=COMPLETIONS) for probe in _OWN),
    *of(COMPLETIONS, *sampling.PROBES),
    *of(COMPLETIONS, length.TOKENS, length.CUT_SHORT, length.STOP),
    *of(COMPLETIONS, several.SEVERAL, streams.PIECES),
    *of(COMPLETIONS, streams.STREAM, streams.END, streams.SAME, streams.COUNTED, streams.PADDED, streams.CONTINUOUS),
    *of(COMPLETIONS, service.USER),
    *errors.common(COMPLETIONS),
    *of(COMPLETIONS, *_WRONG, errors.UNSTREAMED, errors.USAGE),
)
