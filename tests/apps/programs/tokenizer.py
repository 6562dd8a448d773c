"""``python tokenizer.py FILE.gguf FOLDER``: the tokenizer of a GGUF file in the form of a hub's, for lm-eval, which
counts tokens itself. It is one of SmolLM2's kind: pairs of bytes, with each digit by itself."""

from __future__ import annotations

import sys
from typing import Any

from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

_CONTROL = 3  # the type of a token that no text has


def convert(file: str, folder: str) -> None:
    """Write the tokenizer of a GGUF file into a folder."""
    fields = GGUFReader(file).fields

    def read(name: str) -> Any:
        return fields[f"tokenizer.ggml.{name}"].contents()

    tokens = read("tokens")
    merges = [tuple(pair.split(" ")) for pair in read("merges")]
    made = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    kinds = read("token_type")
    made.add_special_tokens(
        [AddedToken(token, special=True) for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL]
    )
    begin, end = tokens[read("bos_token_id")], tokens[read("eos_token_id")]
    PreTrainedTokenizerFast(tokenizer_object=made, bos_token=begin, eos_token=end).save_pretrained(folder)


if __name__ == "__main__":
    convert(*sys.argv[1:])
