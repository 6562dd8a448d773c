"""The tables of parameters: a class with one instance for each operation of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

from ..engines import base
from ..engines.base import Model
from ..errors import BadRequest
from .parameters import PARAMETERS, ChatParameter

# How messages to clients name each operation: what a model does, and the path that serves it.
_CALLED = {
    base.CHAT: ("answer conversations", "/chat/completions"),
    base.COMPLETIONS: ("continue texts", "/completions"),
    base.EMBEDDINGS: ("make embeddings", "/embeddings"),
}


class Table:
    """The parameters of an ``operation``, one of `base.OPERATIONS`."""

    def __init__(self, operation: str, parameters: tuple[ChatParameter, ...]) -> None:
        self.operation = operation
        self.parameters = parameters

    @cached_property
    def by_path(self) -> Mapping[str, ChatParameter]:
        return {path: parameter for parameter in self.parameters for path in parameter.paths}

    @cached_property
    def capabilities(self) -> frozenset[str]:
        """The capabilities that its parameters need."""
        return frozenset(parameter.needs for parameter in self.parameters if parameter.needs is not None)


CHAT = Table(base.CHAT, PARAMETERS)

_STORED = {
    "store": "the conversation and its answer are kept, to be read again",
    "metadata": "stored with the completion; comes back with a whole answer",
}

# With a database no model is needed to store a completion.
STORING = Table(
    base.CHAT,
    tuple(
        replace(each, needs=None, neutral=(), instead="", effect=_STORED[each.name]) if each.name in _STORED else each
        for each in PARAMETERS
    ),
)


def check_operation(model: Model, operation: str) -> None:
    """Validate that a model supports an operation.

    Raises:
        BadRequest: it does not.
    """
    if operation not in model.operations:
        does, _ = _CALLED[operation]
        paths = " and ".join(f"POST {path}" for name, (_, path) in _CALLED.items() if name in model.operations)
        raise BadRequest(
            f"This model does not {does}: use {paths or 'no operation'}, or name another model.",
            param="model",
            code="unsupported_operation",
        )
