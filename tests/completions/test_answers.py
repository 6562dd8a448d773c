"""Completions as clients get them: lists of log probabilities, and the best of several choices."""

from __future__ import annotations

from typing import Any

import pytest

from app.completions.answers import TextWriter
from app.completions.best import best
from app.completions.logprobs import Lists
from app.engines.base import Choice, Delta, Model, TokenLogprob, usage_of
from app.errors import EngineUnavailable, UpstreamFailed

MODEL = Model("m", 0, "o", "fp")


def token(text: str, value: float | None = -1.0, data: list[int] | None = None, **others: float) -> TokenLogprob:
    top: list[Any] = [{"token": name, "logprob": each} for name, each in others.items()]
    made: Any = {"token": text, "logprob": value, "bytes": data, "top_logprobs": top}
    return made  # type: ignore[no-any-return]


def test_offsets_count_characters_of_the_text_from_piece_to_piece() -> None:
    lists = Lists()
    assert lists.feed([token("é"), token("bc")])["text_offset"] == [0, 1]
    assert lists.feed([token("d")])["text_offset"] == [3]


def test_a_character_of_several_tokens_counts_once() -> None:
    parts = [token("\ufffd", data=[each]) for each in "日".encode()]
    assert Lists().feed([*parts, token("!", data=[33]), token("?")])["text_offset"] == [0, 0, 0, 1, 2]


def test_the_token_itself_is_among_the_likeliest_which_come_first() -> None:
    made = Lists().feed([token("a", -2.0, b=-0.5), token("b", -0.5, b=-0.5)])
    assert [list(each.items()) for each in made["top_logprobs"]] == [[("b", -0.5), ("a", -2.0)], [("b", -0.5)]]
    first = Lists().feed([token("a", None)])
    assert (first["token_logprobs"], first["top_logprobs"]) == ([None], [None])


def _choice(text: str, *values: float) -> Choice:
    return Choice(0, {"content": text}, "stop", {"content": [token("x", each) for each in values], "refusal": None})


def test_the_best_have_the_likeliest_tokens_on_average() -> None:
    made = best([_choice("a", -1, -3), _choice("b", -1.5), _choice("c", -9)], 2)
    assert [(choice.index, choice.message["content"]) for choice in made] == [(0, "b"), (1, "a")]


def test_without_log_probabilities_none_is_the_best() -> None:
    with pytest.raises(UpstreamFailed):
        best([Choice(0, {"content": "a"}, "stop")], 1)


def test_pieces_have_text_log_probabilities_and_an_end() -> None:
    writer = TextWriter(MODEL, include_usage=True)
    (piece,) = writer.feed(Delta(0, {"content": "a"}, None, {"content": [token("a")], "refusal": None}))
    assert piece["usage"] is None
    assert piece["choices"][0]["logprobs"]["tokens"] == ["a"]
    assert writer.feed(Delta(0, {})) == []
    assert writer.feed({"service_tier": "flex"}) == []
    with pytest.raises(EngineUnavailable):
        writer.end()
    (end,) = writer.feed(Delta(0, {}, "length"))
    assert end["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}]
    assert "service_tier" not in end
    writer.feed({"usage": usage_of(1, 1)})
    assert writer.end()[0]["usage"]["total_tokens"] == 2


def test_pieces_are_padded_when_asked_for() -> None:
    writer = TextWriter(MODEL, include_usage=False, obfuscate=True)
    sizes = set()
    for text in ("a", "abcdefgh"):
        (piece,) = writer.feed(Delta(0, {"content": text}))
        sizes.add(len(piece["obfuscation"]) + len(text))
    assert len(sizes) == 1
