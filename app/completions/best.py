"""Of several choices for a prompt, the likeliest."""

from __future__ import annotations

from ..engines.base import Choice
from ..errors import UpstreamFailed


def best(choices: list[Choice], n: int) -> list[Choice]:
    """The ``n`` choices whose tokens are the likeliest on average, the best first, numbered from 0.

    Raises:
        UpstreamFailed: one has no log probabilities to tell by.
    """
    ranked = sorted(choices, key=lambda choice: -_likelihood(choice))[:n]
    for index, choice in enumerate(ranked):
        choice.index = index
    return ranked


def _likelihood(choice: Choice) -> float:
    entries = (choice.logprobs or {"content": None})["content"]
    if entries is None:
        raise UpstreamFailed("The model's engine gave no log probabilities, by which the best choices are found.")
    return sum(entry["logprob"] for entry in entries) / len(entries) if entries else 0.0
