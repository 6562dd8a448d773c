"""Model files of the kind that makes embeddings: BERT, small and random, or with the weights of a real one."""

from __future__ import annotations

import json
import string
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .gguf_writer import Tensor, Weights, write

# What llama.cpp calls BERT's tensors, by what they are called there; those of a block follow its name.
_TENSORS = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}
_OF_BLOCKS = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_MEAN = 1

CONTEXT = 64
WIDTH = 32


def small(path: Path, *, pooling: int = _MEAN, seed: int = 1) -> Path:
    """A model of random weights that reads letters, with `CONTEXT` tokens of context and vectors of `WIDTH` numbers."""
    weights, blocks, inner = Weights(seed), 2, 64
    vocabulary = [*_MARKS, *string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
    weights.add("token_embd.weight", WIDTH, len(vocabulary), scale=1.0)
    weights.add("position_embd.weight", WIDTH, CONTEXT, scale=0.3)
    weights.add("token_types.weight", WIDTH, 2, scale=0.1)
    weights.norm("token_embd_norm", WIDTH)
    for block in range(blocks):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights.linear(f"blk.{block}.{name}", WIDTH, WIDTH)
        weights.linear(f"blk.{block}.ffn_up", WIDTH, inner)
        weights.linear(f"blk.{block}.ffn_down", inner, WIDTH)
        for name in ("attn_output_norm", "layer_output_norm"):
            weights.norm(f"blk.{block}.{name}", WIDTH)
    return write(path, _metadata(vocabulary, CONTEXT, WIDTH, inner, blocks, 4, pooling), weights.tensors)


def converted(folder: Path, path: Path) -> Path:
    """The model in a folder in the form of Hugging Face, as a file for llama.cpp, its weights as they are."""
    config = json.loads((folder / "config.json").read_text())
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    metadata = _metadata(
        vocabulary,
        config["max_position_embeddings"],
        config["hidden_size"],
        config["intermediate_size"],
        config["num_hidden_layers"],
        config["num_attention_heads"],
        _MEAN,
    )
    data = (folder / "model.safetensors").read_bytes()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    tensors: dict[str, Tensor] = {}
    for name, told in json.loads(data[8:begin]).items():
        ours = _name(name)
        if ours is not None:
            first, last = told["data_offsets"]
            tensors[ours] = Tensor(tuple(reversed(told["shape"])), data[begin + first : begin + last])
    return write(path, metadata, tensors)


def _name(theirs: str) -> str | None:
    """What llama.cpp calls a tensor; None: it has no use for it."""
    module, _, kind = theirs.rpartition(".")
    if module.startswith("encoder.layer."):
        block, _, inner = module.removeprefix("encoder.layer.").partition(".")
        return f"blk.{block}.{_OF_BLOCKS[inner]}.{kind}"
    return f"{_TENSORS[module]}.{kind}" if module in _TENSORS else None


def _metadata(
    vocabulary: Sequence[str], context: int, width: int, inner: int, blocks: int, heads: int, pooling: int
) -> Mapping[str, Any]:
    ids = {mark: vocabulary.index(mark) for mark in _MARKS}
    return {
        "general.architecture": "bert",
        "bert.context_length": context,
        "bert.embedding_length": width,
        "bert.feed_forward_length": inner,
        "bert.block_count": blocks,
        "bert.attention.head_count": heads,
        "bert.attention.layer_norm_epsilon": 1e-12,
        "bert.attention.causal": False,
        "bert.pooling_type": pooling,
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.token_type_count": 2,
        "tokenizer.ggml.tokens": [_token(token) for token in vocabulary],
        "tokenizer.ggml.bos_token_id": ids["[CLS]"],
        "tokenizer.ggml.eos_token_id": ids["[SEP]"],
        "tokenizer.ggml.unknown_token_id": ids["[UNK]"],
        "tokenizer.ggml.seperator_token_id": ids["[SEP]"],
        "tokenizer.ggml.padding_token_id": ids["[PAD]"],
        "tokenizer.ggml.mask_token_id": ids["[MASK]"],
    }


def _token(token: str) -> str:
    """A token as llama.cpp has it: the beginnings of words are marked instead of their other parts."""
    if token.startswith("[") and token.endswith("]"):
        return token
    return token[2:] if token.startswith("##") else f"\N{LOWER ONE EIGHTH BLOCK}{token}"
