"""Texts that may be given as the ids of their tokens, alone or in lists: a prompt, and what is embedded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..engines.base import Model
from ..errors import UnsupportedParameter
from ..jsontypes import Json

# The capability of models that take them. No parameter has it for itself.
TOKENS = "token_prompts"


def listed(value: Any) -> list[Any]:
    """The texts of a value as the contract has it, each a text or a list of ids."""
    if isinstance(value, str):
        return [value]
    if isinstance(value[0], int | float):
        return [[int(token) for token in value]]
    return [each if isinstance(each, str) else [int(token) for token in each] for each in value]


def takes(value: Any, model: Model) -> bool:
    """Whether a model can be given such a value, in the form of the contract or as `listed` gives it."""
    return TOKENS in model.capabilities or isinstance(value, str) or isinstance(value[0], str)


def refuse_tokens(name: str, value: Any, model: Model) -> None:
    """Do nothing when a model takes the value of a parameter.

    Raises:
        UnsupportedParameter: it does not.
    """
    if not takes(value, model):
        raise UnsupportedParameter(
            f"Unsupported parameter: '{name}' cannot be tokens with this model. Send text.", param=name
        )


def narrowed(model: Model, body: Json, able: Callable[[Json, Model], bool]) -> Model:
    """The model with those kinds of servers alone that are ``able`` to answer a request, if any is."""
    variants = tuple(variant for variant in model.variants if able(body, variant))
    return replace(model, variants=variants) if variants else model
