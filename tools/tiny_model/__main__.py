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
from .train import Plan, mean, train

# More than the steps can see.
DIALOGUES, SEED = 660_000, 1
# What the vocabulary is made for: what comes before is simpler than the rest.
SAMPLE = slice(corpus.FIRST, 2 * corpus.FIRST)
PLAN = Plan(steps=6000, decay=3960)
# The finish: a few steps on other dialogues, in which the sorts have other weights. What is kept lies
# halfway there, which was in all right more often than either end.
LAST_DIALOGUES, LAST_SEED = 56_000, 2
LAST_PLAN = Plan(steps=480, decay=430, warm_up=50, matrix_rate=0.004, other_rate=0.0008, seed=2)


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
    train(Shape(), texts, PLAN, folder / "main")
    last = encoded(vocabulary, corpus.dialogues(LAST_DIALOGUES, LAST_SEED, finish=True))
    train(Shape(), last, LAST_PLAN, folder / "finish", folder / "main" / "network.pt")
    mean(folder / "main", folder / "finish", folder)
    export(folder / "network.pt", folder / "tokenizer.json", options.target)
    print(f"{options.target}: {options.target.stat().st_size:,} bytes, sha256 {digest(options.target)}")


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
