"""How tokens are sampled. Chance proves nothing, so the compared answers are sampled from a distribution made flat: by
the highest temperature, and if the server accepts it by a bias that leaves only tokens that no model expects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..answers import count, said, text
from ..exchange import shortened
from ..probe import LEFT_OUT, Answers, Probe, Role, Step, one, step
from ..verdicts import Verdict, honoured, ignored, not_seen

GROUP = "sampling"
# Ids of ordinary pieces of words in every common vocabulary; special tokens are at either end.
_SPAN = range(400, 464)
FLAT = {str(token): 100 for token in _SPAN}
_PROMPT = "Say a few random words."
_REPETITIVE = "Repeat without end: a a a a a a a a a a a a a a a a"
_FEW = 8
_TIMES = range(3)


def _draw(name: str, *, role: Role = "asked", turn: int = 0, **fields: Any) -> Step:
    return step(name, _PROMPT, _FEW, role=role, turn=turn, **fields)


def _family(name: str, *, role: Role = "asked", seeds: bool = False, **fields: Any) -> tuple[Step, ...]:
    """The same request several times: plain, and with a flat distribution if the server supports that. ``seeds``: also
    with a different seed each time, for servers that give the same answer without one."""
    return (
        *(_draw(f"{name} {i}", role=role, turn=i, **fields) for i in _TIMES),
        *(_draw(f"{name} flat {i}", role="aid", turn=i, logit_bias=FLAT, **fields) for i in _TIMES),
        *(
            (_draw(f"{name} seed {i}", role="aid", seed=1000 + i, logit_bias=FLAT, **fields) for i in _TIMES)
            if seeds
            else ()
        ),
    )


def _texts(answers: Answers, name: str) -> list[str]:
    return [said(seen) for key, seen in answers.items() if key.rpartition(" ")[0] == name]


def _varied(texts: list[str]) -> bool:
    return len(set(texts)) > 1


_ALIKE = "it says the same however it is drawn"


def _temperature(answers: Answers) -> Verdict:
    for kind in ("", " flat"):
        cold, hot = _texts(answers, f"cold{kind}"), _texts(answers, f"hot{kind}")
        if len(set(cold)) == len(cold) > 1 and _varied(hot):
            return ignored(f"at temperature 0 {len(cold)} answers to the same request all differ")
    for kind in ("", " flat", " seed"):
        cold, hot = _texts(answers, f"cold{kind.replace('seed', 'flat')}"), _texts(answers, f"hot{kind}")
        if cold and hot and not _varied(cold) and _varied(hot):
            return honoured(f"at 0 {len(cold)} answers are the same, at 2 {len(set(hot))} of {len(hot)} differ")
    return not_seen(_ALIKE)


def _top_p(answers: Answers) -> Verdict:
    for kind in ("", " flat", " seed"):
        narrow, wide = _texts(answers, f"narrow{kind}"), _texts(answers, f"wide{kind}")
        if narrow and wide and _varied(wide):
            if not _varied(narrow):
                return honoured(f"at temperature 2: {len(set(wide))} of {len(wide)} differ, with top_p 0.0001 none")
            if len(set(narrow)) == len(narrow):
                return ignored("at temperature 2 with top_p 0.0001 all answers differ")
    return not_seen(_ALIKE)


# Each seed is requested several times, because a single equal answer may be chance.
_SEEDS = (7, 8, 9, 10)


def _seed(answers: Answers) -> Verdict:
    for kind in ("", " flat"):
        drawn = [_texts(answers, f"seed {seed}{kind}") for seed in _SEEDS]
        drawn = [texts for texts in drawn if len(texts) == len(_TIMES)]
        if sum(len(set(texts)) == len(texts) for texts in drawn) > 1:
            return ignored(f"the same seed {len(_TIMES)} times, and each time another answer")
        # Batching may change the last digits of a probability, and so occasionally a token.
        steady = [texts[0] for texts in drawn if not _varied(texts)]
        if len(set(steady)) > 1:
            return honoured(f"{len(set(steady))} seeds, {len(set(steady))} answers, each {len(_TIMES)} times the same")
    return not_seen(_ALIKE)


def _seeded(seed: int) -> Iterator[Step]:
    for i in _TIMES:
        fields: dict[str, Any] = {"temperature": 2, "seed": seed, "turn": i}
        yield step(f"seed {seed} {i}", _PROMPT, 2 * _FEW, **fields)
        yield step(f"seed {seed} flat {i}", _PROMPT, 2 * _FEW, role="aid", logit_bias=FLAT, **fields)


def changes(answers: Answers, names: tuple[str, ...], reference: str = "reference") -> str | None:
    """Which answers differ from a reference that was requested twice and was the same both times."""
    first, again = answers.get(reference), answers.get(f"{reference} again")
    if first is None or again is None or said(first) != said(again):
        return None
    return next((name for name in names if name in answers and said(answers[name]) != said(first)), None)


def _penalty(answers: Answers) -> Verdict:
    for kind in ("", " flat"):
        found = changes(answers, (f"high{kind}", f"low{kind}"), f"reference{kind}")
        if found is not None:
            return honoured(f"at temperature 0 {shortened(text(answers[found]), 40)!r} instead of the answer without")
    return not_seen("the answer is the same with 2, -2 and 0; a model that is sure of itself is not moved by so little")


def _penalty_of(name: str) -> Probe:
    def family(called: str, role: Role, flat: Role, turn: int = 0, **fields: Any) -> tuple[Step, ...]:
        kind = f"{called.split()[0]} flat{' again' if turn else ''}"
        return (
            step(called, _REPETITIVE, 24, role=role, turn=turn, **fields),
            step(kind, _REPETITIVE, 24, role=flat, turn=turn, logit_bias=FLAT, **fields),
        )

    return Probe(
        GROUP,
        "",
        (
            *family("reference", "compare", "aid"),
            *family("reference again", "compare", "aid", 1),
            *family("high", "asked", "aid", **one(name, 2)),
            *family("low", "asked", "aid", **one(name, -2)),
            step("nonsense", role="nonsense", **one(name, "much")),
        ),
        _penalty,
        (name,),
        alone=True,
    )


def _bias(answers: Answers) -> Verdict:
    reference, one, other = (said(answers[name]) for name in ("reference", "one", "other"))
    if one != said(answers["one again"]):
        return ignored("a token that the bias 100 all but forces is not forced: the same request, another answer")
    if reference in (one, other):
        return ignored("a token that the bias 100 all but forces changes nothing")
    if one == other:
        return not_seen("two tokens that were forced gave the same answer")
    said_one, said_other = (shortened(text(answers[name]), 24) for name in ("one", "other"))
    tokens = count(answers["one"], "completion_tokens")
    return honoured(f"forced tokens: {said_one!r} and {said_other!r}" + (f", {tokens} tokens" if tokens else ""))


PROBES = (
    Probe(
        GROUP,
        "",
        (
            *_family("cold", temperature=0),
            *_family("hot", temperature=2, seeds=True),
            _draw("nonsense", role="nonsense", temperature="hot"),
        ),
        _temperature,
        ("temperature",),
    ),
    Probe(
        GROUP,
        "",
        (
            *_family("narrow", temperature=2, top_p=0.0001, seeds=True),
            *_family("wide", role="compare", temperature=2, top_p=LEFT_OUT, seeds=True),
            _draw("nonsense", role="nonsense", top_p="all"),
        ),
        _top_p,
        ("top_p",),
    ),
    Probe(
        GROUP,
        "",
        (
            *(drawn for seed in _SEEDS for drawn in _seeded(seed)),
            _draw("nonsense", role="nonsense", seed="lucky"),
        ),
        _seed,
        ("seed",),
        alone=True,
    ),
    _penalty_of("frequency_penalty"),
    _penalty_of("presence_penalty"),
    Probe(
        GROUP,
        "",
        (
            step("reference", tokens=6, role="compare"),
            step("one", tokens=6, logit_bias={str(_SPAN[0]): 100}),
            step("one again", tokens=6, turn=1, logit_bias={str(_SPAN[0]): 100}),
            step("other", tokens=6, logit_bias={str(_SPAN[30]): 100}),
            step("nonsense", role="nonsense", logit_bias=[7]),
        ),
        _bias,
        ("logit_bias",),
    ),
)
