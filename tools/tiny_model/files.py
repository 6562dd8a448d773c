"""Where the model's file and the evaluation's prompts are."""

from __future__ import annotations

from pathlib import Path

BUNDLED = Path(__file__).parents[2] / "app" / "model" / "tiny-q8_0.gguf"
HELD_OUT = Path(__file__).parent / "eval" / "held_out.jsonl"
