"""What a step of the training sees: groups of dialogues of about one length, several lengths in each step.

All groups have one of a few shapes, since the kernels for a shape are made when it is first seen, and that takes
longer than to use them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from .dialogue import Dialogue, pieces

# What the lengths are rounded up to. A dialogue that is longer than the last is left out.
LENGTHS = (32, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)
# Tokens of a group, padding included, and groups of a step. A group of one dialogue may be larger.
GROUP, GROUPS = 1024, 8
# From so many groups those of a step are drawn.
_POOL = 64
# The share of dialogues that are told that something long stood somewhere in them.
_GAPS = 0.125


@dataclass(frozen=True, slots=True)
class Texts:
    """Dialogues as tokens, one after the other: (tokens) each, for each token whether it is to be learned, and where
    each dialogue ends: (dialogues). Tensors, so that processes share them."""

    tokens: Tensor
    learned: Tensor
    ends: Tensor

    def __len__(self) -> int:
        return len(self.ends)


@dataclass(frozen=True, slots=True)
class Batch:
    """All (rows, length): what is read, where it stands, what comes next, and how much that counts."""

    tokens: Tensor
    positions: Tensor
    next: Tensor
    weights: Tensor


def encoded(tokenizer: Any, dialogues: Iterable[Dialogue]) -> Texts:
    tokens, learned, ends, at = [], [], [], 0
    for many in _stretches(dialogues, 20_000):
        found = [pieces(dialogue) for dialogue in many]
        flat = iter(tokenizer.encode_batch([text for parts in found for text, _ in parts]))
        ids: list[int] = []
        flags = bytearray()
        for parts in found:
            before = len(ids)
            for _, learn in parts:
                piece = next(flat).ids
                ids += piece
                flags += bytes([learn]) * len(piece)
            at += len(ids) - before
            ends.append(at)
        tokens.append(torch.tensor(ids, dtype=torch.int16))
        learned.append(torch.frombuffer(flags, dtype=torch.uint8))
    return Texts(torch.cat(tokens), torch.cat(learned), torch.tensor(ends))


def _stretches(dialogues: Iterable[Dialogue], most: int) -> Iterator[list[Dialogue]]:
    found: list[Dialogue] = []
    for dialogue in dialogues:
        found.append(dialogue)
        if len(found) == most:
            yield found
            found = []
    if found:
        yield found


def steps(texts: Texts, seed: int, context: int) -> Iterator[list[Batch]]:
    """The groups of each step, always the same ones for a seed, in about the order of the dialogues."""
    rng = Random(seed)
    pool: list[tuple[int, list[int]]] = []
    for group in _groups(texts):
        pool.append(group)
        if len(pool) == _POOL:
            rng.shuffle(pool)
            yield [_batch(texts, *pool.pop(), rng, context) for _ in range(GROUPS)]


def count(texts: Texts) -> int:
    """How many steps they are enough for."""
    return max(0, sum(1 for _ in _groups(texts)) - _POOL + GROUPS) // GROUPS


def _groups(texts: Texts) -> Iterator[tuple[int, list[int]]]:
    """A length, and as many dialogues of at most that length as make a group."""
    waiting: dict[int, list[int]] = {length: [] for length in LENGTHS}
    start = 0
    for number, end in enumerate(texts.ends.tolist()):
        length = next((length for length in LENGTHS if length > end - start), 0)
        start = end
        if length:
            waiting[length].append(number)
            if len(waiting[length]) == max(1, GROUP // length):
                yield length, waiting[length]
                waiting[length] = []


def _batch(texts: Texts, length: int, numbers: list[int], rng: Random, context: int) -> Batch:
    rows = len(numbers)
    tokens = torch.zeros(rows, length + 1, dtype=torch.long)
    weights = torch.zeros(rows, length + 1)
    positions = torch.arange(length).repeat(rows, 1)
    for row, number in enumerate(numbers):
        start, end = int(texts.ends[number - 1]) if number else 0, int(texts.ends[number])
        tokens[row, : end - start] = texts.tokens[start:end]
        learned = texts.learned[start:end].float()
        # Long answers are fixed texts, easy to go on with; a short one is a name or a number that has to be found.
        weights[row, : end - start] = learned * learned.sum() ** -0.5
        # Distances up to the context get learned without texts that are as long.
        if rng.random() < _GAPS and length < context:
            positions[row, rng.randrange(1, end - start) :] += rng.randrange(context - length)
    return Batch(tokens[:, :-1], positions, tokens[:, 1:], weights[:, 1:])
