"""Streamed answers: their order, their end, and whether the chunks join to the same text as a whole answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ...jsontypes import Json
from ..answers import count, finish, said, text
from ..exchange import Seen
from ..probe import Answers, Probe, step
from ..values import get, items, members, number
from ..verdicts import Verdict, broken, honoured, ignored, not_seen

GROUP = "streams"


def _deltas(seen: Seen) -> Iterator[tuple[int, Json]]:
    for event in seen.events:
        for choice in items(event, "choices"):
            yield number(get(choice, "index")) or 0, choice


def _stream(answers: Answers) -> Verdict:
    seen = answers["streamed"]
    if not seen.is_stream:
        return ignored(f"a stream asked, and {seen.media_type or 'something else'} came")
    return honoured(f"{len(seen.events)} events")


def _order(role: str | None) -> Callable[[Answers], Verdict]:
    """A judge: whether the role, if any, comes first, nothing follows the finish reason, and the id stays the same."""

    def judge(answers: Answers) -> Verdict:
        seen = answers["streamed"]
        if not seen.is_stream:
            return not_seen("there is no stream")
        if len({str(get(event, "id")) for event in seen.events}) > 1:
            return broken("the chunks have several ids")
        first: dict[int, Any] = {}
        ended: set[int] = set()
        for index, choice in _deltas(seen):
            delta = members(choice, "delta")
            if index in ended and (get(choice, "text") or any(delta.get(name) for name in ("content", "tool_calls"))):
                return broken("text after the finish_reason")
            first.setdefault(index, delta.get("role"))
            if get(choice, "finish_reason") is not None:
                if index in ended:
                    return broken("a second finish_reason")
                ended.add(index)
        if any(found != role for found in first.values()):
            return broken("the first chunk has no role" if role else "the pieces of a text have a role")
        return honoured(f"{'the role first, then ' if role else ''}the text, then the finish_reason; one id")

    return judge


def ends(answers: Answers) -> Verdict:
    """Whether each choice has a finish reason, and [DONE] comes last."""
    for name in ("streamed", "three"):
        if name not in answers or not answers[name].is_stream:
            continue
        seen = answers[name]
        ended = {index for index, choice in _deltas(seen) if get(choice, "finish_reason") is not None}
        missing = {index for index, _ in _deltas(seen)} - ended
        if missing:
            return broken(f"no finish_reason for choice {min(missing)} of {name}")
        if not seen.done:
            return broken("no [DONE] at the end")
    return honoured("finish_reason, then [DONE]") if answers["streamed"].is_stream else not_seen("there is no stream")


def _same(answers: Answers) -> Verdict:
    whole, again, streamed = (answers[name] for name in ("whole", "whole again", "streamed"))
    if said(whole) != said(again):
        return not_seen("two whole answers at temperature 0 differ already")
    if said(streamed) != said(answers["streamed again"]):
        return not_seen("two streamed answers at temperature 0 differ already")
    if said(streamed) != said(whole):
        return ignored(f"streamed {text(streamed)[:40]!r}, whole {text(whole)[:40]!r}")
    if finish(streamed) != finish(whole):
        return broken(f"finish_reason {finish(streamed)!r} in a stream, {finish(whole)!r} in a whole answer")
    return honoured("streamed and whole the same text")


def usage_at_the_end(answers: Answers) -> Verdict:
    """Whether the token counts come once, in a last chunk without choices, and only if requested."""
    asked, unasked = answers["asked"], answers["unasked"]
    if not asked.is_stream:
        return not_seen("there is no stream")
    counted = [event for event in asked.events if get(event, "usage")]
    if not counted:
        return ignored("asked for, and no chunk has token counts")
    if counted[-1] is not asked.events[-1] or get(counted[-1], "choices"):
        return broken("the token counts do not stand in a last chunk of their own")
    if any(get(event, "usage") for event in unasked.events):
        return ignored("token counts come unasked too")
    whole = count(answers["whole"], "completion_tokens") if "whole" in answers else None
    return honoured(
        f"a last chunk with {count(asked, 'completion_tokens')} tokens"
        + (f", as many as a whole answer says: {whole}" if whole == count(asked, "completion_tokens") else "")
    )


def _continuous(answers: Answers) -> Verdict:
    events = [event for event in answers["counted"].events if get(event, "choices")]
    counts = [number(get(event, "usage", "completion_tokens")) for event in events]
    told = [made for made in counts if made is not None]
    if not told:
        return ignored("asked for, and no chunk with a choice has token counts")
    if 2 * len(told) < len(counts):
        return ignored(f"asked for, and only {len(told)} of {len(counts)} chunks with a choice have token counts")
    if told != sorted(told):
        return broken("the token counts go down from one chunk to the next")
    return honoured(f"{len(told)} of {len(counts)} chunks with the tokens so far, up to {told[-1]}")


def _obfuscation(answers: Answers) -> Verdict:
    if any(get(event, "obfuscation") for event in answers["padded"].events):
        return honoured("chunks are padded")
    return not_seen("no chunk is padded")


_TOKENS = 24

STREAM = Probe(
    GROUP,
    "",
    (step("streamed", tokens=_TOKENS, stream=True), step("nonsense", role="nonsense", stream="yes")),
    _stream,
    ("stream",),
)
ORDER = Probe(
    GROUP,
    "order of chunks",
    (step("streamed", tokens=_TOKENS, stream=True),),
    _order("assistant"),
)
END = Probe(
    GROUP,
    "end of a stream",
    (step("streamed", tokens=_TOKENS, stream=True), step("three", role="aid", n=3, stream=True)),
    ends,
)
SAME = Probe(
    GROUP,
    "the same text as whole",
    (
        step("whole", tokens=_TOKENS, role="compare"),
        step("whole again", tokens=_TOKENS, role="compare", turn=1),
        step("streamed", tokens=_TOKENS, stream=True),
        step("streamed again", tokens=_TOKENS, stream=True, turn=1),
    ),
    _same,
    alone=True,
)
COUNTED = Probe(
    GROUP,
    "",
    (
        step("asked", tokens=_TOKENS, stream=True, stream_options={"include_usage": True}),
        step("unasked", tokens=_TOKENS, stream=True, role="compare"),
        step("whole", tokens=_TOKENS, role="aid"),
        step("nonsense", role="nonsense", stream=True, stream_options={"include_usage": "yes"}),
    ),
    usage_at_the_end,
    ("stream_options", "stream_options.include_usage"),
)
PADDED = Probe(
    GROUP,
    "",
    (
        step("padded", tokens=_TOKENS, stream=True, stream_options={"include_obfuscation": True}),
        step("nonsense", role="nonsense", stream=True, stream_options={"include_obfuscation": "yes"}),
    ),
    _obfuscation,
    ("stream_options.include_obfuscation",),
)
CONTINUOUS = Probe(
    GROUP,
    "",
    (
        step("counted", tokens=_TOKENS, stream=True, stream_options={"continuous_usage_stats": True}),
        step("nonsense", role="nonsense", stream=True, stream_options={"continuous_usage_stats": "yes"}),
    ),
    _continuous,
    ("stream_options.continuous_usage_stats",),
)

PROBES = (STREAM, ORDER, END, SAME, COUNTED, PADDED, CONTINUOUS)
# The same for a text completion, whose chunks have no role.
PIECES = replace(ORDER, judge=_order(None))
