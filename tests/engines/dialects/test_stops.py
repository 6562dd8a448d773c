"""A text ends at a stop sequence token by token, and each token keeps its log probability."""

from __future__ import annotations

import pytest

from app.engines.base import Delta
from app.engines.dialects.stops import StopCutter


def _cut(tokens: list[str], stops: list[str]) -> tuple[str, list[str], bool]:
    """The text that goes on, the tokens with it, and whether it was stopped."""
    cutter = StopCutter(stops, logprobs=True)
    deltas: list[Delta] = []
    for token in tokens:
        logprobs = {"content": [{"token": token}], "refusal": None}
        deltas += cutter.cut(Delta(0, {"content": token}, None, logprobs))  # type: ignore[arg-type]
        if cutter.met:
            break
    else:
        deltas += cutter.cut(Delta(0, {}, "length"))
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop" if cutter.met else "length"]
    text = "".join(delta.message.get("content") or "" for delta in deltas)
    kept = [entry["token"] for delta in deltas if delta.logprobs for entry in delta.logprobs["content"] or ()]
    return text, kept, cutter.met


@pytest.mark.parametrize(
    ("tokens", "stops", "text", "kept", "met"),
    [
        (["a", "b", "c"], ["x"], "abc", ["a", "b", "c"], False),
        (["a", "b", "c"], ["bc"], "a", ["a"], True),
        (["a", "b", "d"], ["bc"], "abd", ["a", "b", "d"], False),
        (["a", "b"], ["bc"], "ab", ["a", "b"], False),
        (["ab", "cd"], ["bc"], "a", ["ab"], True),
        (["abc"], ["abc"], "", [], True),
        (["a", "a", "b"], ["ab"], "a", ["a"], True),
        (["abcd"], ["cd", "b"], "a", ["abcd"], True),
        ([" help", " you", " today"], [" help you tomorrow", "zz"], " help you today", 3, False),
    ],
)
def test_a_text_is_cut_at_the_first_stop(
    tokens: list[str], stops: list[str], text: str, kept: list[str] | int, met: bool
) -> None:
    assert _cut(tokens, stops) == (text, tokens if isinstance(kept, int) else kept, met)
