"""What all-MiniLM-L6-v2 makes of texts, by its weights and its tokenizer: BERT written out, without llama.cpp.

    python reference.py FOLDER < texts.json > vectors.json

Runs in an environment of its own, which has numpy and tokenizers.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from pathlib import Path
from typing import Any

import numpy
from tokenizers import Tokenizer

_HEADS, _BLOCKS, _EPSILON = 12, 6, 1e-12


def _weights(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, told in json.loads(data[8:begin]).items():
        if told.get("dtype") == "F32":
            first, last = told["data_offsets"]
            values = numpy.frombuffer(data[begin + first : begin + last], dtype="<f4")
            found[name] = values.reshape(told["shape"]).astype("f8")
    return found


def _norm(w: dict[str, Any], name: str, x: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / numpy.sqrt((centred**2).mean(-1, keepdims=True) + _EPSILON)
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]


def _linear(w: dict[str, Any], name: str, x: Any) -> Any:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _gelu(x: Any) -> Any:
    return 0.5 * x * (1 + numpy.vectorize(math.erf)(x / math.sqrt(2)))


def _attention(w: dict[str, Any], at: str, x: Any) -> Any:
    length, width = x.shape
    q, k, v = (
        _linear(w, f"{at}.self.{name}", x).reshape(length, _HEADS, -1).swapaxes(0, 1)
        for name in ("query", "key", "value")
    )
    scores = q @ k.swapaxes(1, 2) / math.sqrt(width / _HEADS)
    shares = numpy.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    return _linear(w, f"{at}.output.dense", (shares @ v).swapaxes(0, 1).reshape(length, width))


def vector(w: dict[str, Any], ids: list[int]) -> list[float]:
    """The vector of a text, of the length 1, by the ids of its tokens."""
    words = w["embeddings.word_embeddings.weight"][ids]
    places = w["embeddings.position_embeddings.weight"][: len(ids)]
    x = _norm(w, "embeddings.LayerNorm", words + places + w["embeddings.token_type_embeddings.weight"][0])
    for block in range(_BLOCKS):
        at = f"encoder.layer.{block}"
        x = _norm(w, f"{at}.attention.output.LayerNorm", x + _attention(w, f"{at}.attention", x))
        inner = _gelu(_linear(w, f"{at}.intermediate.dense", x))
        x = _norm(w, f"{at}.output.LayerNorm", x + _linear(w, f"{at}.output.dense", inner))
    mean = x.mean(0)
    made: list[float] = (mean / numpy.linalg.norm(mean)).tolist()
    return made


def main(folder: Path) -> None:
    """Write the vectors of the texts on stdin."""
    weights = _weights(folder / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = json.load(sys.stdin)
    json.dump([vector(weights, tokenizer.encode(text).ids) for text in texts], sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
