"""Texts that may be given as token ids, alone or in lists: a prompt, and the input of embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..engines.base import Model
from ..errors import UnsupportedParameter
from ..jsontypes import Json

# The capability of models that accept token ids. No parameter needs it by itself.
TOKENS = "token_prompts"


def listed(value: Any) -> list[Any]:
    """The texts of a value in the contract's form, as a list; each is a text or a list of token ids."""
    if isinstance(value, str):
        return [value]
    if isinstance(value[0], int | float):
        return [[int(token) for token in value]]
    return [each if isinstance(each, str) else [int(token) for token in each] for each in value]


def takes(value: Any, model: Model) -> bool:
    """Whether a model accepts such a value, in the form of the contract or as returned by `listed`."""
    return TOKENS in model.capabilities or isinstance(value, str) or isinstance(value[0], str)


def refuse_tokens(name: str, value: Any, model: Model) -> None:
    """Validate that a model accepts the value of a parameter.

    Raises:
        UnsupportedParameter: it does not.
    """
    if not takes(value, model):
        raise UnsupportedParameter(
            f"Unsupported parameter: '{name}' cannot be given as tokens with this model. Send text.", param=name
        )


def narrowed(model: Model, body: Json, able: Callable[[Json, Model], bool]) -> Model:
    """The model with only those kinds of servers that are ``able`` to answer a request; unchanged if none is."""
    variants = tuple(variant for variant in model.variants if able(body, variant))
    return replace(model, variants=variants) if variants else model
