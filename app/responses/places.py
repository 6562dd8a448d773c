"""Maps each path of the chat request to the path in the client's request, so that errors name what the client sent."""

from __future__ import annotations

import re

from ..errors import ApiError
from .parameters import LOGPROBS

# A quoted path, as it occurs in error messages.
_QUOTED = re.compile(r"'([a-z_]\w*(?:\[\d+\]|\.\w+)*)'")
_STEPS = re.compile(r"[^.\[\]]+|\[\d+\]")

_ALWAYS = {
    "messages": "input",
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "response_format.json_schema": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "logprobs": "include",
    "tool_choice.function": "tool_choice",
    "tool_choice.custom": "tool_choice",
    "tool_choice.allowed_tools": "tool_choice",
}


# Advice in error messages that must be replaced, because the parameter has other values here than in the chat request.
_ADVICE = {"logprobs": ("Leave it out or send false.", f"Leave '{LOGPROBS}' out.")}


class Places:
    """The map of paths, filled while a request is read. ``note`` records where a part of the chat request comes from;
    nested values are found at the same relative path."""

    def __init__(self) -> None:
        self._places = dict(_ALWAYS)

    def note(self, chat: str, place: str) -> None:
        """Record that the value at the path ``chat`` of the chat request came from the path ``place``."""
        self._places[chat] = place

    def of(self, path: str) -> str:
        """The path in the client's request for a path of the chat request; the same path if both are equal."""
        steps = _STEPS.findall(path)
        for length in range(len(steps), 0, -1):
            place = self._places.get(_joined(steps[:length]))
            if place is not None:
                return _joined([place, *steps[length:]])
        return path

    def translate(self, error: ApiError) -> ApiError:
        """The error, with the paths of the client's request."""
        if error.param in _ADVICE:
            error.message = error.message.replace(*_ADVICE[error.param])
        error.message = _QUOTED.sub(lambda found: f"'{self.of(found[1])}'", error.message)
        if error.param is not None:
            error.param = self.of(error.param)
        return error


def _joined(steps: list[str]) -> str:
    return "".join(steps[:1]) + "".join(step if step.startswith("[") else f".{step}" for step in steps[1:])
