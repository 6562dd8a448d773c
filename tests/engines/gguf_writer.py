"""Writes GGUF files for the tests: any metadata and tensors, and projectors of random weights small enough to be made
on the spot.

No projector is small enough to ship, and what a real one has learnt does not matter here: that llama.cpp loads it,
that its tokens are counted, and that another picture or sound gives other embeddings does.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

F32 = 0
F16 = 1

_ALIGNMENT = 32
_FORMS = {F32: "f", F16: "e"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """``shape`` is in ggml's order, the fastest dimension first; ``values`` are all of them, as they are or packed."""

    shape: tuple[int, ...]
    values: Sequence[float] | bytes
    kind: int = F32

    def packed(self) -> bytes:
        if isinstance(self.values, bytes):
            return self.values
        return struct.pack(f"<{len(self.values)}{_FORMS[self.kind]}", *self.values)


def write(path: Path, metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Path:
    """Write a GGUF file of version 3; booleans, integers, floats, texts, and lists of floats or
    texts are known."""
    header = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
    for key, value in metadata.items():
        header += _text(key) + _value(value)
    data = bytearray()
    for name, tensor in tensors.items():
        data += bytes(-len(data) % _ALIGNMENT)
        shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        header += _text(name) + shape + struct.pack("<IQ", tensor.kind, len(data))
        data += tensor.packed()
    header += bytes(-len(header) % _ALIGNMENT)
    path.write_bytes(bytes(header + data) + bytes(-len(data) % _ALIGNMENT))
    return path


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if all(isinstance(each, str) for each in value):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    return struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *value)


class Weights:
    """Random tensors, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.tensors: dict[str, Tensor] = {}

    def add(self, name: str, *shape: int, scale: float | None = None, kind: int = F32) -> None:
        """Random weights, scaled so that what goes through them keeps its size."""
        count = 1
        for extent in shape:
            count *= extent
        spread = scale if scale is not None else (count / shape[-1]) ** -0.5
        self.tensors[name] = Tensor(shape, [self._random.gauss(0, spread) for _ in range(count)], kind)

    def linear(self, name: str, rows: int, columns: int) -> None:
        self.add(f"{name}.weight", rows, columns)
        self.fill(f"{name}.bias", columns, 0.0)

    def norm(self, name: str, width: int) -> None:
        self.fill(f"{name}.weight", width, 1.0)
        self.fill(f"{name}.bias", width, 0.0)

    def fill(self, name: str, width: int, value: float) -> None:
        self.tensors[name] = Tensor((width,), [value] * width)

    def block(self, prefix: str, width: int, inner: int) -> None:
        """A transformer's block."""
        for name in ("ln1", "ln2"):
            self.norm(f"{prefix}.{name}", width)
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            self.linear(f"{prefix}.{name}", width, width)
        self.linear(f"{prefix}.ffn_up", width, inner)
        self.linear(f"{prefix}.ffn_down", inner, width)


_WIDTH, _INNER = 32, 64  # of the encoders

_PATCH, _SIDE = 8, 4  # pixels of a patch, patches of a side
IMAGE_TOKENS = _SIDE * _SIDE

_FRAMES, _BANDS = 1500, 128  # of half a minute, as Whisper hears it
_STACKED = 50
AUDIO_TOKENS = _FRAMES // _STACKED


def write_projector(path: Path, embedding: int, *, images: bool = True, audio: bool = True) -> Path:
    """A projector for a model whose embeddings have the width given: in the manner of LLaVA 1.5 a picture becomes
    `IMAGE_TOKENS` of them, in that of Ultravox half a minute of sound `AUDIO_TOKENS`."""
    metadata: dict[str, Any] = {"general.architecture": "clip", "clip.use_gelu": True}
    weights = Weights(1)
    if images:
        _add_eyes(metadata, weights, embedding)
    if audio:
        _add_ears(metadata, weights, embedding)
    return write(path, metadata, weights.tensors)


def _encoder(kind: str, embedding: int, blocks: int) -> dict[str, Any]:
    return {
        f"clip.has_{kind}_encoder": True,
        f"clip.{kind}.embedding_length": _WIDTH,
        f"clip.{kind}.feed_forward_length": _INNER,
        f"clip.{kind}.block_count": blocks,
        f"clip.{kind}.projection_dim": embedding,
        f"clip.{kind}.attention.head_count": 2,
        f"clip.{kind}.attention.layer_norm_epsilon": 1e-5,
    }


def _add_eyes(metadata: dict[str, Any], weights: Weights, embedding: int) -> None:
    blocks = 2  # the last one is not asked
    metadata |= _encoder("vision", embedding, blocks)
    metadata |= {
        "clip.vision.projector_type": "mlp",
        "clip.vision.image_size": _PATCH * _SIDE,
        "clip.vision.patch_size": _PATCH,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    weights.add("v.class_embd", _WIDTH, scale=1.0)
    weights.add("v.patch_embd.weight", _PATCH, _PATCH, 3, _WIDTH)
    weights.add("v.position_embd.weight", _WIDTH, IMAGE_TOKENS + 1, scale=0.1)
    weights.norm("v.pre_ln", _WIDTH)
    for number in range(blocks):
        weights.block(f"v.blk.{number}", _WIDTH, _INNER)
    weights.linear("mm.0", _WIDTH, embedding)
    weights.linear("mm.2", embedding, embedding)


def _add_ears(metadata: dict[str, Any], weights: Weights, embedding: int) -> None:
    metadata |= _encoder("audio", embedding, 1)
    metadata |= {
        "clip.audio.projector_type": "ultravox",
        "clip.audio.num_mel_bins": _BANDS,
        "clip.audio.projector.stack_factor": _STACKED,
    }
    for number, rows in ((1, _BANDS), (2, _WIDTH)):
        weights.add(f"a.conv1d.{number}.weight", 3, rows, _WIDTH, kind=F16)
        weights.tensors[f"a.conv1d.{number}.bias"] = Tensor((1, _WIDTH), [0.0] * _WIDTH)
    weights.add("a.position_embd.weight", _WIDTH, _FRAMES, scale=0.1)
    weights.block("a.blk.0", _WIDTH, _INNER)
    del weights.tensors["a.blk.0.attn_k.bias"]  # Whisper has none
    weights.norm("a.post_ln", _WIDTH)
    weights.fill("mm.a.norm_pre.weight", _WIDTH * _STACKED, 1.0)
    weights.add("mm.a.mlp.1.weight", _WIDTH * _STACKED, 2 * _INNER)
    weights.fill("mm.a.norm_mid.weight", _INNER, 1.0)
    weights.add("mm.a.mlp.2.weight", _INNER, embedding)
