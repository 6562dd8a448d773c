"""What grammars must know of a vocabulary is read from the model's file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from app.model_process import gguf
from app.model_process.vocabulary import Vocabulary

from ..engines.gguf_writer import Tensor, write


def vocabulary(tmp_path: Path, tokens: Any, **more: Any) -> Vocabulary:
    """That of a file with these tokens."""
    metadata = {f"tokenizer.ggml.{name}": value for name, value in more.items() if value is not None}
    metadata |= {"tokenizer.ggml.tokens": tokens, "general.architecture": "llama", "general.name": "n"}
    return gguf.read(write(tmp_path / "model.gguf", metadata, {"t": Tensor((1,), [0.0])})).vocabulary


@pytest.mark.parametrize(
    ("kind", "prefix", "cut"),
    [
        ("llama", None, True),
        ("llama", True, True),
        ("llama", False, False),  # Gemma's
        ("gpt2", None, False),
        ("gpt2", False, False),
        ("gpt2", True, True),
        ("bert", None, False),
        ("bert", True, True),
        (None, None, False),
    ],
)
def test_tokens_are_told_without_their_space_where_texts_begin_with_one(
    tmp_path: Path, kind: str | None, prefix: bool | None, cut: bool
) -> None:
    assert vocabulary(tmp_path, ["▁a", "b"], model=kind, add_space_prefix=prefix) == Vocabulary(cut=cut)


def unpacked(text: str) -> list[float]:
    """Numbers whose bytes are a text, and more of them."""
    data = text.encode() * 4
    return list(struct.unpack(f"<{len(data) // 4}f", data))


TOKENS = [
    *("a", "Ġ", "Ġa", "!", "Ġ!", "Ġ?", "Ġ.", "Ġ,", "ĠĠ.", "a.Ġ,b", "Ġ'", "Ġ's", "Ġ'm", "Ġ're", "Ġ've", "Ġ'Ġ"),
    *("Ġ'll", "Ġ;", ".Ġ", "Ġ.Ġ,Ġ!", "", "é", "Ġé!", "\u00c4!", "Ġ!"),
]
ENDS = ("!", "?", ".", ",", "'s", "'m", "'re", "'ve", "'Ġ")
UNTIDY = [at for at, token in enumerate(TOKENS) if any(f"Ġ{end}" in token for end in ENDS)]


def test_tokens_with_a_space_before_punctuation_are_found_by_their_ids(tmp_path: Path) -> None:
    found = vocabulary(tmp_path, TOKENS, model="gpt2").untidy
    assert list(found) == UNTIDY
    assert [TOKENS[token] for token in found[:3]] == ["Ġ!", "Ġ?", "Ġ."]
    assert found[-1] == len(TOKENS) - 1


def test_they_do_not_matter_in_vocabularies_of_sentence_piece(tmp_path: Path) -> None:
    assert vocabulary(tmp_path, ["Ġ!"], model="gpt2").untidy == (0,)
    assert vocabulary(tmp_path, ["Ġ!"], model="llama").untidy == ()
    assert vocabulary(tmp_path, ["▁!"], model="gemma4").untidy == (0,)


@pytest.mark.parametrize("length", [ord(mark) for mark in "!?.,"])
def test_the_length_of_the_next_token_is_no_punctuation(tmp_path: Path, length: int) -> None:
    assert vocabulary(tmp_path, ["Ġ", "a" * length, "Ġ!"], model="gpt2").untidy == (2,)


@pytest.mark.parametrize("tokens", [[], ["a", "b"]], ids=["none", "tidy"])
def test_there_may_be_none_of_them(tmp_path: Path, tokens: list[str]) -> None:
    assert vocabulary(tmp_path, tokens, model="gpt2") == Vocabulary()


@pytest.mark.parametrize("tokens", ["Ġ!", "Ġ!Ġ!!!", [0.5] * 8, 7, unpacked("Ġ!Ġ")], ids=range(5))
def test_tokens_that_are_no_list_of_texts_are_none(tmp_path: Path, tokens: Any) -> None:
    assert vocabulary(tmp_path, tokens, model="gpt2") == Vocabulary()


def test_a_vocabulary_of_many_tokens_is_looked_through(tmp_path: Path) -> None:
    tokens = [f"t{at}" for at in range(100_000)]
    tokens[70_000], tokens[99_999] = "Ġ.", "Ġ?"
    assert vocabulary(tmp_path, tokens, model="gpt2").untidy == (70_000, 99_999)
