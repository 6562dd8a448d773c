"""Where the model's file and the evaluation's prompts are."""

from __future__ import annotations

from pathlib import Path

BUNDLED = Path(__file__).parents[2] / "app" / "model" / "tiny-q8_0.gguf"
_EVAL = Path(__file__).parent / "eval"
HELD_OUT, TUNING = _EVAL / "held_out.jsonl", _EVAL / "tuning.jsonl"
