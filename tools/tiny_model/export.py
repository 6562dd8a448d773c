"""The model's file: GGUF as llama.cpp reads it, matrices in q8_0, with the vocabulary and the chat template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

from .dialogue import CONTROL, END, END_OF_TEXT, SPECIAL, TEMPLATE
from .network import Shape

# The tensors of a block whose rows are those of several in the file.
_JOINED = {"attn_qkv": ("attn_q", "attn_k", "attn_v"), "ffn_gate_up": ("ffn_gate", "ffn_up")}


def export(network: Path, tokenizer: Path, target: Path) -> None:
    """Write what `train` and `tokenizer` left as the file ``target``. The same input gives the same bytes."""
    state = torch.load(network)
    shape = Shape(**state["shape"])
    writer = gguf.GGUFWriter(target, "qwen3")
    writer.add_name("parley-tiny")
    writer.add_license("MIT")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    _vocabulary(writer, json.loads(tokenizer.read_text(encoding="utf-8")), shape)
    writer.add_chat_template(TEMPLATE)
    for name, weight in state["network"].items():
        for part, matrix in _parts(name, weight.float().numpy()):
            _add(writer, part, matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _vocabulary(writer: Any, tokenizer: Any, shape: Shape) -> None:
    ids: dict[str, int] = {**tokenizer["model"]["vocab"]}
    ids.update((token["content"], token["id"]) for token in tokenizer["added_tokens"])
    tokens = sorted(ids, key=ids.__getitem__)
    assert len(tokens) == shape.vocabulary
    kinds = gguf.TokenType
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [
            kinds.CONTROL if token in CONTROL else kinds.USER_DEFINED if token in SPECIAL else kinds.NORMAL
            for token in tokens
        ]
    )
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(ids[END_OF_TEXT])
    writer.add_pad_token_id(ids[END_OF_TEXT])
    writer.add_eos_token_id(ids[END])
    writer.add_add_bos_token(False)


def _parts(name: str, weight: Any) -> list[tuple[str, Any]]:
    for joined, parts in _JOINED.items():
        if joined in name:
            split = np.split(weight, len(parts))
            return [(name.replace(joined, part), matrix) for part, matrix in zip(parts, split, strict=True)]
    return [(name, weight)]


def _add(writer: Any, name: str, weight: Any) -> None:
    kind = gguf.GGMLQuantizationType.Q8_0
    if weight.ndim == 1:
        writer.add_tensor(name, weight.astype(np.float32))
    else:
        writer.add_tensor(name, gguf.quants.quantize(weight, kind), raw_dtype=kind)
