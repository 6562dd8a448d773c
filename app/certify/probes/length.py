"""The limits of an answer's length: the maximum of tokens, and stop sequences."""

from __future__ import annotations

from collections.abc import Callable

from ..answers import count, finish, text
from ..exchange import Ask, shortened
from ..probe import PLAIN, Answers, Base, Make, Probe, Step, one, step
from ..verdicts import Verdict, broken, honoured, ignored, not_seen

GROUP = "length"
_FEW = 3
# Enough tokens for a sentence from which a stop sequence can be taken.
LONG = 32


def _cut(fewest: int) -> Callable[[Answers], Verdict]:
    """A judge: whether an answer has at most ``fewest`` tokens, while one without a limit has more."""

    def judge(answers: Answers) -> Verdict:
        few, reference = answers["few"], answers["reference"]
        came, without = count(few, "completion_tokens"), count(reference, "completion_tokens")
        words, most = len(text(few).split()), len(text(reference).split())
        told = f"{came if came is not None else f'{words} words'} came"
        if (came if came is not None else words) > fewest:
            return ignored(f"{fewest} tokens asked, {told}")
        if (without if without is not None else most) <= fewest:
            return not_seen("the answer has no more tokens without a limit")
        return honoured(f"{fewest} tokens asked, {told}")

    return judge


def _reason(fewest: int) -> Callable[[Answers], Verdict]:
    """A judge: whether a truncated answer reports that it is truncated."""

    def judge(answers: Answers) -> Verdict:
        if _cut(fewest)(answers).fate != "honoured":
            return not_seen("no answer was cut short")
        reason = finish(answers["few"])
        return honoured("length") if reason == "length" else broken(f"an answer that was cut short ends by {reason!r}")

    return judge


def limit(name: str, fewest: int = _FEW, prompt: str | None = PLAIN, most: int = LONG) -> tuple[Probe, Probe]:
    """The probes of a parameter for the maximum of tokens, and of the finish reason of an answer that it truncated."""
    reference = step("reference", prompt, tokens=most, role="compare")
    limits = Probe(
        GROUP,
        "",
        (
            step("few", prompt, tokens=None, **one(name, fewest)),
            reference,
            step("nonsense", prompt, tokens=None, role="nonsense", **one(name, "many")),
        ),
        _cut(fewest),
        (name,),
    )
    check = "finish_reason of an answer cut short"
    return limits, Probe(GROUP, check, (step("few", prompt, tokens=fewest), reference), _reason(fewest))


def stop_in(answer: str) -> str | None:
    """A text from the middle of an answer that does not occur in it earlier."""
    words = answer.split()
    for word in words[max(1, len(words) // 3) :]:
        if len(word) > 1 and answer.find(word) > len(words[0]):
            return word
    return None


def _stopping(many: bool) -> Make:
    def make(base: Base, answers: Answers) -> Ask | None:
        stop = stop_in(text(answers["reference"]))
        if stop is None:
            return None
        value = ["\u2603\u2603", "qzxqzx", stop, "\u2602\u2602"] if many else stop
        return base.ask(PLAIN, LONG, {"stop": value})

    return make


def stopped(answers: Answers) -> Verdict:
    """Whether answers end before the stop sequence, which is sent once alone and once among four."""
    reference = text(answers["reference"])
    stop = stop_in(reference)
    if stop is None or "alone" not in answers:
        return not_seen("the answer without it is too short to stop in")
    expected = reference[: reference.find(stop)].rstrip()
    for name in ("alone", "among"):
        came = text(answers[name])
        if stop in came:
            how = "on its own" if name == "alone" else "in a list of four"
            return ignored(f"{stop!r}, given {how}, stands in the answer: {shortened(came, 60)!r}")
    for name in ("alone", "among"):
        reason = finish(answers[name])
        if text(answers[name]).rstrip() != expected:
            return not_seen(f"the answer lacks {stop!r}, but is another one than without it")
        if reason != "stop":
            return broken(f"an answer that was stopped has finish_reason {reason!r}")
    return honoured(f"the answer ends before {stop!r}")


_completion_tokens, CUT_SHORT = limit("max_completion_tokens")
TOKENS, _ = limit("max_tokens")
STOP = Probe(
    GROUP,
    "",
    (
        step("reference", tokens=LONG, role="compare"),
        Step("alone", _stopping(False)),
        Step("among", _stopping(True)),
        step("nonsense", role="nonsense", stop={"at": "x"}),
    ),
    stopped,
    ("stop",),
)

PROBES = (_completion_tokens, TOKENS, CUT_SHORT, STOP)
