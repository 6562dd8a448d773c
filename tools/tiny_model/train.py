"""Training, on processor cores: a number of steps that is fixed beforehand, each dialogue seen once at most.

Each process computes on one core with half of every step's groups: on matrices of this size that is quicker than two
threads.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sysconfig
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor

from .batches import Batch, Texts, count, steps
from .muon import Muon
from .network import Network, Shape, size

_ENDED, _KEPT, _KEPT_EVERY = "network.pt", "checkpoint.pt", 500
# glibc keeps the memory of a step for the next one: to ask the kernel for it each time takes a fifth of the time.
_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 32), "MALLOC_TOP_PAD_": str(1 << 26)}


@dataclass(frozen=True, slots=True)
class Plan:
    """The rates rise over ``warm_up`` steps, stay, and fall in a line over the last ``decay`` of all ``steps``."""

    steps: int
    decay: int
    warm_up: int = 100
    matrix_rate: float = 0.02
    other_rate: float = 0.004
    seed: int = 1

    def rate(self, step: int) -> float:
        """The share of the full rates at a step."""
        return max(0.005, min((step + 1) / self.warm_up, (self.steps - step) / self.decay, 1.0))


def loss(network: Network, batch: Batch) -> Tensor:
    """The weighted sum over all tokens that are to be learned, in nats."""
    weights = batch.weights.flatten()
    chosen = weights.nonzero()[:, 0]
    # With some that do not count, so that there are few shapes here, too; see `batches`.
    chosen = F.pad(chosen, (0, -len(chosen) % 128), value=int((weights == 0).nonzero()[0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = network(batch.tokens, batch.positions).flatten(0, 1)[chosen]
        scores = states @ network.token_embd.weight.T
    each = F.cross_entropy(scores.float(), batch.next.flatten()[chosen], reduction="none")
    return each @ weights[chosen]


def train(shape: Shape, texts: Texts, plan: Plan, folder: Path, start: Path | None = None, processes: int = 2) -> None:
    """Leave the network after all steps in ``folder`` as ``network.pt``; it begins as the one of ``start``, or anew.
    Now and then what is there is kept, as ``checkpoint.pt``, and taken up again from it by a training of the same
    texts, shape and plan; such a training that has ended is not done again.

    Raises:
        ValueError: there are too few texts for so many steps.
    """
    if count(texts) < plan.steps:
        raise ValueError(f"the texts are enough for {count(texts)} steps, not for {plan.steps}")
    folder.mkdir(parents=True, exist_ok=True)
    ended = folder / _ENDED
    if ended.exists() and torch.load(ended).get("same") == _same(shape, texts, plan):
        return
    (folder / "meeting").unlink(missing_ok=True)
    os.environ.update(_MEMORY)
    mp.spawn(_work, (processes, shape, texts, plan, folder, start), nprocs=processes)
    (folder / _KEPT).unlink(missing_ok=True)


def mean(one: Path, other: Path, folder: Path) -> None:
    """Leave the network halfway between those of two folders in a third: a finish that makes some things better and
    forgets others makes fewer worse so (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022)."""
    first, second = (torch.load(each / _ENDED) for each in (one, other))
    weights = {name: 0.5 * first["network"][name] + 0.5 * second["network"][name] for name in first["network"]}
    torch.save({"network": weights, "shape": first["shape"]}, folder / _ENDED)


def _same(shape: Shape, texts: Texts, plan: Plan) -> str:
    """A digest of all that a training is about."""
    told = hashlib.sha256(repr((shape, plan)).encode())
    for tensor in (texts.tokens, texts.learned, texts.ends):
        told.update(tensor.numpy().tobytes())
    return told.hexdigest()


def _compiler() -> bool:
    """Whether torch can compile the network's blocks, which makes a step about a third quicker."""
    return bool(shutil.which("c++")) and Path(sysconfig.get_path("include"), "Python.h").exists()


def _work(part: int, parts: int, shape: Shape, texts: Texts, plan: Plan, folder: Path, start: Path | None) -> None:
    torch.set_num_threads(1)
    store = dist.FileStore(str(folder / "meeting"), parts)
    dist.init_process_group("gloo", store=store, rank=part, world_size=parts)
    torch.manual_seed(plan.seed)
    network = Network(shape)
    if start:
        network.load_state_dict(torch.load(start)["network"])
    weights = list(network.parameters())
    muon, adam = _optimisers(network, part, parts)
    kept, first, same = folder / _KEPT, 0, _same(shape, texts, plan)
    state = torch.load(kept) if kept.exists() else {}
    if state.get("same") == same:
        first = state["step"]
        network.load_state_dict(state["network"])
        adam.load_state_dict(state["adam"])
        muon.averages = state["muon"]
    dist.barrier()
    if _compiler():
        for block in network.blk:
            block.compile(dynamic=True)
    if part == 0:
        print(f"{size(network):,} parameters, {shape}, {plan}", flush=True)
    begun, seen, step = time.monotonic(), 0, 0
    for step, groups in enumerate(steps(texts, plan.seed, shape.context), 1):
        if step <= first:
            continue
        rate = plan.rate(step - 1)
        muon.rate, adam.param_groups[0]["lr"] = rate * plan.matrix_rate, rate * plan.other_rate
        network.zero_grad(set_to_none=True)
        learned, wrong = sum(float(batch.weights.sum()) for batch in groups), 0.0
        for batch in groups[part::parts]:
            share = loss(network, batch) / learned
            share.backward()  # type: ignore[no-untyped-call,unused-ignore]
            wrong += share.item()
        wrong = _together(weights, wrong)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        adam.step()
        muon.step()
        seen += sum(batch.tokens.numel() for batch in groups)
        if part == 0 and step % 50 == 0:
            seconds = time.monotonic() - begun
            print(
                f"step {step} loss {wrong:.4f} rate {rate:.3f} {seen / seconds:.0f} tokens/s {seconds:.0f} s",
                flush=True,
            )
        if part == 0 and step % _KEPT_EVERY == 0 and step < plan.steps:
            now: dict[str, Any] = {"network": network.state_dict(), "adam": adam.state_dict(), "muon": muon.averages}
            torch.save({"step": step, "same": same, **now}, folder / "new.pt")
            (folder / "new.pt").replace(kept)
        if step == plan.steps:
            break
    if part == 0:
        torch.save({"network": network.state_dict(), "shape": asdict(shape), "same": same}, folder / _ENDED)
    dist.barrier()
    dist.destroy_process_group()


def _optimisers(network: Network, part: int, parts: int) -> tuple[Muon, torch.optim.AdamW]:
    """One for the matrices, one for the embedding and the norms."""
    joined = {"attn_qkv": 3, "ffn_gate_up": 2}
    named = dict(network.named_parameters())
    inner = {name: weight for name, weight in named.items() if weight.dim() == 2 and "token_embd" not in name}
    matrices = [(weight, joined.get(name.split(".")[-2], 1)) for name, weight in inner.items()]
    others = [weight for name, weight in named.items() if name not in inner]
    return Muon(matrices, part, parts), torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)


def _together(weights: list[torch.nn.Parameter], wrong: float) -> float:
    """Add up the gradients of all processes, and what was wrong."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    total = torch.cat([*(gradient.flatten() for gradient in gradients), torch.tensor([wrong])])
    dist.all_reduce(total)
    start = 0
    for gradient in gradients:
        gradient.copy_(total[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()
    return float(total[-1])
