"""Tokens keep their log probabilities, whatever is cut from the text."""

from __future__ import annotations

import math

import pytest

from app.engines.base import Json
from app.engines.dialects.llama_cpp.logprobs import Cutter, mend


def _cut(tokens: list[str], stops: list[str]) -> tuple[str, list[str], bool]:
    """The text that goes on, the tokens with it, and whether it was stopped."""
    cutter = Cutter(stops)
    texts: list[str] = []
    entries: list[Json] = []
    for token in tokens:
        free, met = cutter.feed(token, [{"token": token}])
        for text, given in free:
            texts.append(text)
            entries += given
        if met:
            return "".join(texts), [entry["token"] for entry in entries], True
    for text, given in cutter.rest():
        texts.append(text)
        entries += given
    return "".join(texts), [entry["token"] for entry in entries], False


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


def test_entries_are_finite_and_have_no_more_than_was_asked() -> None:
    entry = {"id": 3, "token": "a", "bytes": [97], "logprob": -math.inf}
    choice = {"logprobs": {"content": [{**entry, "top_logprobs": [entry, entry, entry]}]}}
    plain = {"token": "a", "bytes": [97], "logprob": -9999.0}
    assert mend(choice, 2) == [{**plain, "top_logprobs": [plain, plain]}]
    assert mend(choice, 0) == [{**plain, "top_logprobs": []}]
    assert mend({}, 2) == []
    assert mend({"logprobs": None}, 2) == []
