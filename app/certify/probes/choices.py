"""Several choices in one answer, and the log probabilities of their tokens."""

from __future__ import annotations

from ..answers import choices, is_logprob, joined, logprobs, text
from ..probe import Answers, Probe, step
from ..values import get, items
from ..verdicts import Verdict, broken, honoured, ignored, not_seen

GROUP = "choices"
_ALTERNATIVES = 4


def _n(answers: Answers) -> Verdict:
    for name in ("three", "streamed"):
        if name not in answers:
            continue
        found = sorted(str(choice.get("index")) for choice in choices(answers[name]))
        if len(found) < 3:
            return ignored(f"3 choices asked, {len(found)} came" + (" in a stream" if name == "streamed" else ""))
        if found != ["0", "1", "2"]:
            return broken(f"3 choices asked, and their indexes are {', '.join(found)}")
    return honoured("3 choices asked, 3 came")


def log_probabilities(answers: Answers) -> Verdict:
    """Whether each token has a log probability, and the tokens join to the text, whole and streamed."""
    for name in ("whole", "streamed"):
        seen = answers[name]
        where = " in a stream" if name == "streamed" else ""
        tokens = logprobs(seen)
        if not tokens:
            return (
                not_seen("the answer has no text")
                if not text(seen)
                else ignored(f"logprobs asked, and there are none{where}")
            )
        if not all(is_logprob(get(token, "logprob")) for token in tokens):
            return broken(f"a log probability that is none{where}")
        if joined(tokens).strip() != text(seen).strip():
            return broken(f"the tokens do not join to the text{where}: {joined(tokens)[:40]!r}")
    return honoured(f"{len(logprobs(answers['whole']) or ())} tokens that join to the text, each with its own")


def _alternatives(answers: Answers) -> Verdict:
    tokens = logprobs(answers["four"])
    if not tokens:
        return (
            ignored(f"{_ALTERNATIVES} alternatives asked, and there are no log probabilities at all")
            if text(answers["four"])
            else not_seen("the answer has no text")
        )
    counts = {len(items(token, "top_logprobs")) for token in tokens}
    if counts == {_ALTERNATIVES}:
        listed = [item for token in tokens for item in token["top_logprobs"]]
        if not all(is_logprob(get(item, "logprob")) for item in listed):
            return broken("a log probability of an alternative that is none")
        return honoured(f"{_ALTERNATIVES} alternatives asked at each of {len(tokens)} tokens, as many came")
    if max(counts) == 0:
        return ignored(f"{_ALTERNATIVES} alternatives asked, none came")
    return ignored(f"{_ALTERNATIVES} alternatives asked, {' or '.join(map(str, sorted(counts)))} came")


SEVERAL = Probe(
    GROUP,
    "",
    (
        step("three", n=3),
        step("streamed", role="aid", n=3, stream=True),
        step("nonsense", role="nonsense", n="three"),
    ),
    _n,
    ("n",),
)
LOGPROBS = Probe(
    GROUP,
    "",
    (step("whole", logprobs=True), step("streamed", logprobs=True, stream=True)),
    log_probabilities,
    ("logprobs",),
)
ALTERNATIVES = Probe(
    GROUP,
    "",
    (
        step("four", logprobs=True, top_logprobs=_ALTERNATIVES),
        step("nonsense", role="nonsense", logprobs=True, top_logprobs="four"),
    ),
    _alternatives,
    ("top_logprobs",),
)

PROBES = (SEVERAL, LOGPROBS, ALTERNATIVES)
