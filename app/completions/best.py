"""Selects the likeliest of several choices for a prompt."""

from __future__ import annotations

from ..engines.base import Choice
from ..errors import UpstreamFailed


def best(choices: list[Choice], n: int) -> list[Choice]:
    """The ``n`` choices with the highest average log probability per token, best first, numbered from 0.

    Raises:
        UpstreamFailed: a choice has no log probabilities to compare.
    """
    ranked = sorted(choices, key=lambda choice: -_likelihood(choice))[:n]
    for index, choice in enumerate(ranked):
        choice.index = index
    return ranked


def _likelihood(choice: Choice) -> float:
    entries = (choice.logprobs or {"content": None})["content"]
    if entries is None:
        raise UpstreamFailed("The model's engine gave no log probabilities, which are needed to find the best choices.")
    return sum(entry["logprob"] for entry in entries) / len(entries) if entries else 0.0
