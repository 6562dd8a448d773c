"""Makes the bundled model: corpus, vocabulary, training, export."""

from __future__ import annotations

import argparse
import hashlib
from itertools import islice
from pathlib import Path

from . import corpus, tokenizer
from .batches import encoded
from .export import export
from .files import BUNDLED
from .network import Shape
from .train import Plan, train

DIALOGUES, SEED = 520_000, 1
# What the vocabulary is made for: what comes before is simpler than the rest.
SAMPLE = slice(corpus.FIRST, 2 * corpus.FIRST)
PLAN = Plan(steps=6000, decay=4200)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny_model", description=__doc__)
    parser.add_argument("folder", type=Path, help="for what lies between: a training that was ended goes on from there")
    parser.add_argument("--target", type=Path, default=BUNDLED, help="the model's file")
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    sample = list(islice(corpus.dialogues(DIALOGUES, SEED), SAMPLE.start, SAMPLE.stop))
    vocabulary = tokenizer.trained(sample)
    vocabulary.save(str(folder / "tokenizer.json"))
    texts = encoded(vocabulary, corpus.dialogues(DIALOGUES, SEED))
    print(f"{len(texts):,} dialogues, {len(texts.tokens):,} tokens", flush=True)
    train(Shape(), texts, PLAN, folder)
    export(folder / "network.pt", folder / "tokenizer.json", options.target)
    print(f"{options.target}: {options.target.stat().st_size:,} bytes, sha256 {digest(options.target)}")


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
