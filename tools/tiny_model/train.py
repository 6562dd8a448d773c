"""Training: a number of steps that is fixed beforehand, one pass over dialogues that are all different.

Each process computes on one core with half of every batch: on matrices of this size that is quicker than two threads.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor

from .dialogue import Dialogue, pieces
from .muon import Muon
from .network import Network, Shape, size

# Dialogues that are sorted by length together.
_STRETCH = 6000


@dataclass(frozen=True, slots=True)
class Plan:
    """``tokens`` are those of a step, padding included; see `batches` for the two kinds of steps. The rates rise over
    ``warm_up`` steps, stay, and fall in a line over the last ``decay`` of all ``steps``."""

    steps: int
    tokens: int = 4096
    matrix_rate: float = 0.02
    other_rate: float = 0.004
    warm_up: int = 60
    decay: int = 0
    seed: int = 1
    mixed_from: int = 0
    mixed_tokens: int = 5120
    parts: int = 8

    def rate(self, step: int) -> float:
        """The share of the full rates at a step."""
        left = (self.steps - step) / (self.decay or self.steps // 2)
        return max(0.01, min((step + 1) / self.warm_up, left, 1.0))


@dataclass(slots=True)
class Encoded:
    """A text's tokens, and for each whether it is to be learned. As small as can be: every process gets all of them."""

    tokens: array[int]
    learned: bytearray


@dataclass(slots=True)
class Batch:
    """All (rows, length): what is read, where it stands, what comes next, and whether that is to be learned."""

    tokens: Tensor
    positions: Tensor
    next: Tensor
    learned: Tensor


def encoded(tokenizer: Any, corpus: list[Dialogue]) -> list[Encoded]:
    found = [pieces(dialogue) for dialogue in corpus]
    flat = iter(tokenizer.encode_batch([text for parts in found for text, _ in parts]))
    texts = []
    for parts in found:
        one = Encoded(array("H"), bytearray())
        for _, learned in parts:
            ids = next(flat).ids
            one.tokens.extend(ids)
            one.learned += bytes([learned]) * len(ids)
        texts.append(one)
    return texts


def batches(texts: list[Encoded], plan: Plan, context: int) -> Iterator[list[Batch]]:
    """The batches of each step, each with texts of like length, in stretches of the corpus, so that what comes first in
    it stays first. Up to ``plan.mixed_from`` a step has one batch. That is quick, but steps of one sort of text make
    the network forget the others; from there on it has ``plan.parts`` small ones of any lengths."""
    rng = Random(plan.seed)
    step = 0
    for start in range(0, len(texts), _STRETCH):
        part = sorted(texts[start : start + _STRETCH], key=lambda text: len(text.tokens) + rng.random() * 6)
        mixed = step >= plan.mixed_from
        groups = _groups(part, plan.mixed_tokens // plan.parts if mixed else plan.tokens)
        rng.shuffle(groups)
        if mixed:
            together = [groups[at : at + plan.parts] for at in range(0, len(groups), plan.parts)]
        else:
            together = [[group] for group in groups[: plan.mixed_from - step]]
        for several in together:
            yield [_batch(group, rng, context) for group in several]
            step += 1


def _groups(texts: list[Encoded], most: int) -> list[list[Encoded]]:
    """The texts, which are sorted by length, in groups of at most so many tokens with their padding."""
    groups: list[list[Encoded]] = [[]]
    for text in texts:
        if groups[-1] and len(text.tokens) * (len(groups[-1]) + 1) > most:
            groups.append([])
        groups[-1].append(text)
    return groups


def _batch(texts: list[Encoded], rng: Random, context: int) -> Batch:
    length = max(len(text.tokens) for text in texts)
    tokens = torch.zeros(len(texts), length, dtype=torch.long)
    learned = torch.zeros(len(texts), length, dtype=torch.bool)
    positions = torch.arange(length).repeat(len(texts), 1)
    for row, text in enumerate(texts):
        tokens[row, : len(text.tokens)] = torch.tensor(list(text.tokens))
        learned[row, : len(text.tokens)] = torch.tensor(list(text.learned)) > 0
        # One in eight is told that something long stood somewhere in it: distances up to the context get learned.
        if rng.random() < 0.125:
            gap = rng.randrange(context - length)
            positions[row, rng.randrange(1, len(text.tokens)) :] += gap
    return Batch(tokens[:, :-1], positions[:, :-1], tokens[:, 1:], learned[:, 1:])


def loss(network: Network, together: list[Batch], part: int, parts: int) -> Iterator[Tensor]:
    """This part's shares of the mean over all tokens of a step that are to be learned, in nats."""
    learned = sum(int(batch.learned.sum()) for batch in together)
    for batch, rows in _shares(together, part, parts):
        chosen = batch.learned[rows]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = network(batch.tokens[rows], batch.positions[rows])[chosen]
            scores = states @ network.token_embd.weight.T
        yield F.cross_entropy(scores.float(), batch.next[rows][chosen], reduction="sum") / learned


def _shares(together: list[Batch], part: int, parts: int) -> list[tuple[Batch, slice]]:
    """Every so manieth row of the one batch, or every so manieth batch."""
    if len(together) == 1:
        return [(together[0], slice(part, None, parts))]
    return [(batch, slice(None)) for batch in together[part::parts]]


def train(shape: Shape, texts: list[Encoded], plan: Plan, folder: Path, processes: int = 2) -> None:
    """Leave the network after all steps in ``folder`` as ``network.pt``. Every 200 steps what is there is kept in it,
    as ``checkpoint.pt``, and taken up again from it."""
    meeting = folder / "meeting"
    meeting.unlink(missing_ok=True)
    mp.spawn(_work, (processes, shape, texts, plan, folder), nprocs=processes)


def _work(part: int, parts: int, shape: Shape, texts: list[Encoded], plan: Plan, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=part, world_size=parts)
    torch.manual_seed(plan.seed)
    network = Network(shape)
    matrices = [weight for name, weight in network.named_parameters() if weight.dim() == 2 and "token_embd" not in name]
    others = [weight for name, weight in network.named_parameters() if weight.dim() == 1 or "token_embd" in name]
    muon, adam = Muon(matrices), torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)
    weights = list(network.parameters())
    if part == 0:
        print(f"{size(network):,} parameters, {plan}", flush=True)
    kept, first = folder / "checkpoint.pt", 0
    if kept.exists():
        state = torch.load(kept)
        first = state["step"]
        network.load_state_dict(state["network"])
        adam.load_state_dict(state["adam"])
        muon.averages = state["muon"]
    dist.barrier()
    begun, seen = time.monotonic(), 0
    for step, together in enumerate(batches(texts, plan, shape.context)):
        if step >= plan.steps:
            break
        if step < first:
            continue
        rate = plan.rate(step)
        muon.rate = rate * plan.matrix_rate
        adam.param_groups[0]["lr"] = rate * plan.other_rate
        network.zero_grad(set_to_none=True)
        wrong = torch.zeros(())
        for share in loss(network, together, part, parts):
            share.backward()  # type: ignore[no-untyped-call,unused-ignore]
            wrong += share.detach()
        total = torch.cat([*(weight.grad.flatten() for weight in weights if weight.grad is not None), wrong[None]])
        dist.all_reduce(total)
        _spread(total, weights)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        adam.step()
        muon.step()
        seen += sum(batch.tokens.numel() for batch in together)
        if part == 0 and step % 20 == 0:
            seconds = time.monotonic() - begun
            print(
                f"step {step} loss {total[-1]:.4f} rate {rate:.3f} {seen / seconds:.0f} tokens/s {seconds:.0f} s",
                flush=True,
            )
        if part == 0 and (step + 1) % 200 == 0:
            state = {
                "step": step + 1,
                "network": network.state_dict(),
                "adam": adam.state_dict(),
                "muon": muon.averages,
            }
            torch.save({**state, "shape": asdict(shape)}, kept)
    if part == 0:
        torch.save({"network": network.state_dict(), "shape": asdict(shape)}, folder / "network.pt")
    dist.barrier()
    dist.destroy_process_group()


def _spread(total: Tensor, weights: list[torch.nn.Parameter]) -> None:
    """Put a gradient of all weights, one after the other, back to them."""
    start = 0
    for weight in weights:
        weight.grad = total[start : start + weight.numel()].view_as(weight)
        start += weight.numel()
