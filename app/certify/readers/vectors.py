"""Reads embeddings answers, which have the token counts of a chat completion but no choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...jsontypes import Json
from ..values import members


def whole(content: Any) -> Json:
    """The answer unchanged."""
    return members(content)


def joined(events: Sequence[Any]) -> Json:
    """An empty answer: embeddings are not streamed."""
    return {}
