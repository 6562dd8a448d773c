"""``python -m tools.tiny_model [FOLDER]``: corpus, vocabulary, training, export, in a folder for what lies between."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from . import corpus, tokenizer
from .network import Shape
from .train import Plan, encoded, train

DIALOGUES, SEED = 120_000, 1
# The first fifth of the corpus is simpler than the rest.
SAMPLE = slice(DIALOGUES // 5, 2 * DIALOGUES // 5)
PLAN = Plan(steps=2100, decay=900)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny_model", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/tiny-model"), help="what lies between")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    dialogues = list(corpus.dialogues(DIALOGUES, SEED))
    vocabulary = tokenizer.trained(dialogues[SAMPLE])
    vocabulary.save(str(folder / "tokenizer.json"))
    texts = encoded(vocabulary, dialogues)
    print(f"{len(texts):,} dialogues, {sum(len(text.tokens) for text in texts):,} tokens", flush=True)
    train(Shape(), texts, PLAN, folder)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
