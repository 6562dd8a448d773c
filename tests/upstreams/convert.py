"""``python convert.py FILE.gguf FOLDER``: a model as the servers that read no GGUF take it, with its tokenizer and its
chat template. It runs in the environment of such a server."""

from __future__ import annotations

import sys
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

_LONGEST = 400


def convert(file: Path, folder: Path) -> None:
    """Write the model of a GGUF file into a folder."""
    place = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    tokenizer = AutoTokenizer.from_pretrained(**place)
    read = AutoModelForCausalLM.from_pretrained(**place, quantization_config=GgufConfig(dequantize=True))
    # What was read from a GGUF file cannot be saved; a model with the same weights can.
    weights = read.state_dict()
    config = read.config
    # A file tells the width of heads, which is not read from there.
    config.head_dim = weights["model.layers.0.self_attn.q_norm.weight"].shape[0]
    model = AutoModelForCausalLM.from_config(config)
    model.load_state_dict(weights)
    # Servers that ignore the most tokens of an answer are to end all the same.
    model.generation_config.max_new_tokens = _LONGEST
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
